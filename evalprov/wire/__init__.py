"""Between a command and the model providers it calls: what was asked and answered is kept, and can be given again."""
