"""What is declared or named: configuration, prompts, data, graders, algorithms."""
