"""Runs in every Python of an observed command, before anything of the user's, and says what that Python uses.

It is found through PYTHONPATH, puts all back as if it had not been there, and ends as if there were no such module, or
with the user's own `sitecustomize`. It stands alone: it imports nothing that Python has not loaded by then, is read by
every Python from 2.7 on, and observes from 3.8 on. Whatever fails in it, the program goes on as without it.

Each fact is written at once, by one `write` to a file that everybody only appends to:

    newline, letter, space, pid, space, text with \\ and newlines escaped, newline

Letters: B begun, F forked, r read, w written, b both, q opened as a database, l folder listed, p package used,
e variable read, x program started, h host, c facts cut so far.
"""

import os
import sys

LIMIT = 63 << 20  # bytes of the file; what may still come in a race is far less than what is left to 64 MiB
LONGEST = 16384  # bytes of a fact
REMEMBERED = 1 << 16  # facts of a kind that a process knows it has said
HIGHEST = 4096  # descriptor: far from those a program is given, and cheap for the kernel
NAME = "<evalprov>"  # what tools that look at source files leave alone
FAULTS = (OSError, MemoryError, RuntimeError, ValueError, TypeError, AttributeError, LookupError)


def _bare_path_variable(text, here):
    """Return PYTHONPATH as it would be without us, and which of its entries stands for an empty one; else None."""
    entries = text.split(os.pathsep)
    if here + "/." in entries:  # in front of what the user had
        entries.remove(here + "/.")
        return os.pathsep.join(entries), None
    for alone, bare in ((here, None), (here + "/", "")):
        if entries == [alone]:
            return bare, None
        if alone in entries:  # somebody added to a variable that would have been empty
            at = entries.index(alone)
            entries[at] = ""
            return os.pathsep.join(entries), at
    return text, None


def _put_back_path(here, empty):
    """Take our folder out of the module path; where an empty entry would have been, Python has the working folder."""
    places = [at for at, entry in enumerate(sys.path) if entry in (here, here + "/", here + "/.")]
    for at in reversed(places):
        del sys.path[at]
    sys.path_importer_cache.pop(here, None)
    if empty is not None and places:
        cwd = os.getcwd()
        if cwd not in sys.path[: places[0]]:
            sys.path[places[0] :] = [cwd] + [entry for entry in sys.path[places[0] :] if entry != cwd]


def _put_back_variable(text):
    """Show the program its own PYTHONPATH; what it starts without naming an environment inherits ours."""
    import posix

    data = getattr(os.environ, "_data", None)
    for known in (data, posix.environ) if data is not None else (os.environ.data, posix.environ):
        key = b"PYTHONPATH" if b"PYTHONPATH" in known else "PYTHONPATH"
        if text is None:
            known.pop(key, None)
        else:
            known[key] = os.fsencode(text) if isinstance(key, bytes) and sys.version_info[0] > 2 else text


def _is_ours(error):
    """Say whether an exception arose in this file: what a signal handler raises meanwhile is the program's."""
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename in (NAME, __file__)


class _FactsFile(object):
    """The file that facts go to, held under a high number, so that the program is given the numbers it would have."""

    def __init__(self, path):
        self.path = path
        self.encoding = sys.getfilesystemencoding()
        self.number = -1
        self.pid = os.getpid()
        self.cut = 0
        # What the program puts in the place of these later is not for us.
        self.fstat, self.write, self.getpid = os.fstat, os.write, os.getpid
        self.take()
        found = os.fstat(self.number)
        self.identity = found.st_dev, found.st_ino

    def take(self):
        """Open the file; ours is no number that the program may come upon."""
        low = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        most = os.sysconf("SC_OPEN_MAX")
        number = min(most if most > 0 else HIGHEST, HIGHEST) - 1
        try:
            for high in range(number, max(number - 8, low), -1):
                try:
                    os.get_inheritable(high)
                except OSError as error:  # nobody has it
                    if not _is_ours(error):
                        raise
                    self.number = os.dup2(low, high, inheritable=False)
                    return
        finally:
            os.close(low)

    def look(self):
        """Return how the file stands; null where its number is closed, or is another file's by now."""
        try:
            now = self.fstat(self.number)
        except OSError as error:
            if not _is_ours(error):
                raise
            return None
        return now if (now.st_dev, now.st_ino) == self.identity else None

    def tell(self, letter, text):
        """Write one fact, or count it where there is no room."""
        now = self.look()
        if now is None:  # the program closed what it did not open
            self.number = -1
            self.take()
            now = self.look()
            if now is None:
                self.number = -1
                return
        pid = self.getpid()
        data = text.encode(self.encoding, "surrogateescape").replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
        if now.st_size > LIMIT or len(data) > LONGEST:
            self.cut += 1
            if self.cut & (self.cut - 1) or now.st_size > LIMIT + (1 << 19):
                return
            letter, data = "c", b"%d" % self.cut
        if pid != self.pid:
            self.write(self.number, b"\nF %d %d\n" % (pid, self.pid))
            self.pid, self.cut = pid, 0
        self.write(self.number, b"\n%s %d %s\n" % (letter.encode(), pid, data))


def _plain(text):
    """Return a text as exactly that; null for what is none."""
    if type(text) is str:
        return text
    if isinstance(text, str):
        return str.__str__(text)
    if isinstance(text, bytes):
        return bytes.__getitem__(text, slice(None)).decode(sys.getfilesystemencoding(), "surrogateescape")
    return None


class _EventWatch(object):
    """Takes up events, and tells of each thing once."""

    def __init__(self, file):
        self.file = file
        self.seen = {letter: set() for letter in "rwbqlpexh"}
        self.read = self.seen["r"]
        self.getcwd = os.getcwd
        self.standard = os.path.dirname(os.__file__) + "/"
        folders = {one.rstrip("/") + "/" for one in sys.path if one.endswith(("/site-packages", "/dist-packages"))}
        self.sites = tuple(sorted(folders))
        self.software = tuple(sorted(folders | {self.standard}))
        self.ignored = ("/proc/", "/sys/", "/dev/", file.path)
        self.of_event = {
            "open": self.on_open,
            "import": self.on_import,
            "cpython.run_file": self.on_script,
            "ctypes.dlopen": self.on_library,
            "sqlite3.connect": self.on_database,
            "os.listdir": self.on_listing,
            "os.scandir": self.on_listing,
            "os.rename": self.on_rename,
            "subprocess.Popen": self.on_popen,
            "os.exec": self.on_exec,
            "os.posix_spawn": self.on_exec,
            "os.system": self.on_system,
            "socket.connect": self.on_connect,
            "socket.getaddrinfo": self.on_lookup,
            "socket.gethostbyname": self.on_lookup,
        }

    def begin(self):
        """Say who is observed, and observe."""
        begun = [str(os.getppid()), "%d.%d" % sys.version_info[:2], sys.executable or "", sys.prefix, self.standard]
        self.file.tell("B", "\0".join(begun + list(self.sites)))

        def hook(event, args, of=self.of_event.get):
            handler = of(event)
            if handler is not None:
                try:
                    handler(args)
                except FAULTS as error:
                    if not _is_ours(error):
                        raise

        sys.addaudithook(hook)

    def tell(self, letter, text):
        """Tell of a thing that was not told of."""
        known = self.seen[letter]
        key = hash(text)
        if key not in known:
            self.file.tell(letter, text)
            if len(known) >= REMEMBERED:
                known.clear()
            known.add(key)

    def on_file(self, name, letter):
        """Tell of a file; of a package's own ones tell that the package was used, of Python's nothing."""
        if letter == "r" and name[:1] == "/" and hash(name) in self.read:
            return
        if not name or name.startswith(self.ignored):
            return
        if name[:1] != "/":
            name = self.getcwd() + "/" + name
        if letter == "r":
            for site in self.sites:
                if name.startswith(site):
                    self.tell("p", site + name[len(site) :].partition("/")[0])
                    return
            if name.startswith(self.standard):
                return
        elif "/__pycache__/" in name or (letter == "l" and name.startswith(self.software)):
            return
        self.tell(letter, name)

    def on_open(self, args):
        """A file is opened by Python."""
        name, mode, flags = args
        if type(name) is not str:
            name = _plain(name)
            if name is None:
                return
        if type(flags) is not int:
            return
        if flags == 0 and type(mode) is str and mode[:1] in ("w", "a", "x"):
            flags = os.O_WRONLY  # of a C stream, which has no flags
        access = flags & os.O_ACCMODE
        if access == os.O_RDONLY:
            self.on_file(name, "r")
        else:
            self.on_file(name, "w" if access == os.O_WRONLY or flags & os.O_TRUNC else "b")

    def on_import(self, args):
        """A compiled module is loaded; others are opened as files."""
        name = _plain(args[1])
        if name:
            self.on_file(name, "r")

    def on_script(self, args):
        """The program itself is read."""
        name = _plain(args[0])
        if name and name[:1] != "<":
            self.on_file(name, "r")

    def on_library(self, args):
        """A library is loaded."""
        name = _plain(args[0])
        if name and "/" in name:
            self.on_file(name, "r")

    def on_database(self, args):
        """SQLite opens a file by its own means; whether it writes is seen afterwards."""
        name = _plain(os.fspath(args[0]) if hasattr(args[0], "__fspath__") else args[0])
        if name and name[:5] == "file:":
            name = name[5:].partition("?")[0]
            while name[:2] == "//":
                name = name[1:]
        if name and name[:1] != ":":
            self.on_file(name, "q")

    def on_listing(self, args):
        """A folder's names are read; an import does that with each folder of the module path."""
        name = self.getcwd() if args[0] is None else _plain(args[0])
        if name and not any(type(one) is str and one == name for one in sys.path):
            self.on_file(name, "l")

    def on_rename(self, args):
        """A file is put into its place."""
        name = _plain(args[1])
        if name and len(args) > 3 and args[3] == -1:
            self.on_file(name, "w")

    def on_popen(self, args):
        """A program is started."""
        self.on_program(args[0], args[1], args[3])

    def on_exec(self, args):
        """This process becomes another program, or starts one."""
        self.on_program(args[0], args[1], args[2])

    def on_system(self, _):
        """A shell is started."""
        self.tell("x", "/bin/sh\0sh")

    def on_program(self, program, argv, env):
        """Tell of a program: the file that is started, its name, and whether its Pythons are surely not observed."""
        words = argv if isinstance(argv, (list, tuple)) else (argv,)
        first = _plain(words[0]) if words else None
        program = _plain(program) or first
        if program:
            self.tell("x", program + "\0" + (first or program))
            if (env is not None and not _leads_here(env)) or _is_apart(words[1:]):
                self.tell("x", program + "\0" + (first or program) + "\0apart")

    def on_connect(self, args):
        """A socket is connected."""
        address = args[1]
        if type(address) is tuple and len(address) > 1 and type(address[1]) is int:
            host = _plain(address[0])
            if host:
                self.tell("h", "%s %d" % (host, address[1]))

    def on_lookup(self, args):
        """A host is asked for by its name."""
        host = _plain(args[0])
        if host:
            port = args[1] if len(args) > 1 else None
            self.tell("h", "%s %s" % (host, port if type(port) in (int, str) else ""))


def _is_apart(options):
    """Say whether a Python is told to look at no variables, or to start without `site`."""
    for one in options:
        option = _plain(one) or ""
        if option[:1] != "-" or option in ("-", "-c", "-m"):
            return False
        if option[1:2] not in ("-", "X", "W") and any(letter in option for letter in "IES"):
            return True
    return False


def _leads_here(env):
    """Say whether an environment that a program is given leads its Pythons to us."""
    if type(env) is not dict:
        return False
    name = env.get("PYTHONPATH") if "PYTHONPATH" in env else env.get(os.fsencode("PYTHONPATH"))
    return name is not None and HERE in (_plain(name) or "")


def _observe_variables(tell, encoding):
    """Have the names of variables told that are read one by one."""
    get, iterate = dict.__getitem__, dict.__iter__
    walk = [iter(())]  # what is read next if somebody copies the whole environment

    class Variables(dict):
        """The environment as os.environ holds it."""

        __slots__ = ()

        def __getitem__(self, key):
            if next(walk[0], None) != key:
                walk[0] = iter(())
                try:
                    tell("e", key.decode(encoding, "surrogateescape"))
                except FAULTS as error:
                    if not _is_ours(error):
                        raise
            return get(self, key)

        def __iter__(self):
            walk[0] = iter(list(iterate(self)))
            return iterate(self)

    for function in (Variables.__getitem__, Variables.__iter__):
        function.__code__ = function.__code__.replace(co_filename=NAME)
    data = Variables(os.environ._data)
    os.environ._data = data
    os.environb._data = data


HERE = os.path.dirname(os.path.abspath(__file__))
try:
    _text = os.environ.get("PYTHONPATH", "")
    _bare, _empty = _bare_path_variable(_text, HERE)
    _put_back_path(HERE, _empty)
    if not os.environ.get("EVALPROV_OBSERVE"):
        _put_back_variable(_bare)
    # Of a Python that nobody has tried yet, no more is asked than to forget us.
    _tried = (3, 8) <= sys.version_info[:2] <= (3, 13) or os.environ.get("EVALPROV_OBSERVE")
    if _tried and hasattr(sys, "addaudithook") and os.environ.get("EVALPROV_REPORT"):
        _watch = _EventWatch(_FactsFile(os.path.dirname(os.environ["EVALPROV_REPORT"]) + "/seen"))
        _watch.begin()
        _observe_variables(_watch.tell, _watch.file.encoding)
except FAULTS:
    pass  # then nothing is observed here

if sys.modules.get("sitecustomize") is not None:
    del sys.modules["sitecustomize"]
import sitecustomize  # noqa: E402, F401 - the user's own, or the error that says there is none
