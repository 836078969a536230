"""The helper that runs untrusted queries: `python -I -S sandbox_worker.py`, started by sandbox.py.

It reads requests on standard input and answers on standard output. For each request it forks a
child that builds the databases in memory, gives up its rights (no file, no write, bounded memory
and time), runs the query and reports; the parent kills the child when it is late.

What a query may do: read the tables and views that the DDL made, and call the functions on the list
below. `sqlite_master`, `pragma_*`, `json_each` and every other virtual or table-valued source that
the DDL did not make are forbidden: a question about the data never needs them.

Only light imports: each page that this process has touched makes every fork dearer, and verifying
is mostly forking (with typing, pathlib and subprocess a call costs a third more).
"""

import gc
import json
import math
import os
import resource
import select
import signal
import sqlite3
import struct
import time

# Functions that touch nothing outside the query. Those that can ask for a huge value (zeroblob,
# printf, replace, hex, group_concat) are held by the length and heap limits. random and randomblob
# are out because their answers change; load_extension, fts*, rtree* and sqlite_* because they reach
# further than the data.
FUNCTION_NAMES = """
    abs char coalesce concat concat_ws format glob hex if ifnull iif instr length like likelihood
    likely lower ltrim nullif octet_length printf quote replace round rtrim sign soundex substr
    substring trim typeof unhex unicode unlikely upper zeroblob
    avg count group_concat max median min string_agg sum total
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank
    row_number
    current_date current_time current_timestamp date datetime julianday strftime time timediff
    unixepoch
    acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10
    log2 mod pi pow power radians sin sinh sqrt tan tanh trunc
    -> ->> json json_array json_array_length json_extract json_group_array json_group_object
    json_object json_quote json_type json_valid
"""
FUNCTIONS = frozenset(FUNCTION_NAMES.split())

# Names that mean something other than a table of the DDL or of a WITH.
SPECIAL_TABLES = (
    "sqlite_",
    "pragma_",
    "json_",
    "dbstat",
    "fts",
    "rtree",
    "generate_series",
    "bytecode",
    "tables_used",
    "completion",
    "csv",
    "zipfile",
    "fsdir",
    "carray",
)

HEADER = struct.Struct("!I")
BUILD_SECONDS = 30.0  # the databases come from the benchmark, not from a model
MAX_DATABASES = 16
PROGRESS_OPS = 1000  # virtual machine steps between two looks at the clock


# --- messages: four bytes of length, then the payload ---------------------------------------------


def write_message(descriptor: int, payload: bytes) -> None:
    """Write one message, however full the pipe is."""
    view = memoryview(HEADER.pack(len(payload)) + payload)
    while view:
        view = view[os.write(descriptor, view) :]


def read_message(descriptor: int, deadline: float | None = None) -> bytes:
    """Read one message; EOFError at the end of the pipe, TimeoutError after the deadline."""
    size = HEADER.unpack(_read_exactly(descriptor, HEADER.size, deadline))[0]
    return _read_exactly(descriptor, size, deadline)


def _read_exactly(descriptor: int, size: int, deadline: float | None) -> bytes:
    chunks = []
    while size:
        if deadline is not None and not _wait_readable(descriptor, deadline):
            raise TimeoutError("no message in time")
        chunk = os.read(descriptor, min(size, 2**20))
        if not chunk:
            raise EOFError("the pipe was closed")
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def _wait_readable(descriptor: int, deadline: float) -> bool:
    poll = select.poll()  # not select(): a caller may hold more than 1024 files
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0, math.ceil((deadline - time.monotonic()) * 1000))))


# --- the helper: fork a child per request, wait, kill ---------------------------------------------


def serve() -> None:
    """Answer requests on standard input until the caller is gone."""
    blank: list[sqlite3.Connection] = []  # empty databases; each child fills its own copies
    gc.disable()
    while True:
        try:
            request = read_message(0)
        except EOFError:
            return
        fills = json.loads(request)[1]
        if len(blank) < min(len(fills), MAX_DATABASES):
            blank += [_open() for _ in range(min(len(fills), MAX_DATABASES) - len(blank))]
            gc.collect()
            gc.freeze()
        try:
            write_message(1, _supervise(request, blank))
        except BrokenPipeError:
            return


def _open() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)
    connection.text_factory = _decode
    return connection


def _open_file(path: str) -> sqlite3.Connection:
    """A database file, read-only and without a lock or a journal: nothing is written beside it either."""
    escaped = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    name = f"file:{escaped}?mode=ro&immutable=1"
    connection = sqlite3.connect(name, uri=True, isolation_level=None, cached_statements=0)
    connection.text_factory = _decode
    connection.executescript("PRAGMA temp_store=MEMORY; PRAGMA query_only=ON; SELECT 1 FROM sqlite_master LIMIT 1;")
    return connection


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _supervise(request: bytes, blank: list[sqlite3.Connection]) -> bytes:
    """Run a request in a child; the JSON text of its outcomes, completed where it was cut."""
    ddl, fills, sql, limits = json.loads(request)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for descriptor in (0, 1, reader):
                os.close(descriptor)
            _child(writer, blank, ddl, fills, sql, limits)
        finally:
            os._exit(0)
    os.close(writer)
    try:
        messages, late = _collect(reader, limits)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)  # not yet waited for, so it is there, if only as a zombie
        status = os.waitpid(child, 0)[1]
    if not messages or messages[0] != b"ready":
        default = "it takes too long" if late else "out of memory"
        return messages[0] if messages else json.dumps(default).encode()
    if len(messages) <= len(fills):
        late = late or os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
        cut = failure("timeout" if late else "memory", "the process was ended")
        messages += [json.dumps(cut).encode()] * (len(fills) + 1 - len(messages))
    return b"[" + b",".join(messages[1:]) + b"]"


def _collect(reader: int, limits: dict) -> tuple[list[bytes], bool]:
    """The child's messages, and whether it was late; the clock of the query starts at "ready"."""
    messages = []
    deadline = time.monotonic() + BUILD_SECONDS
    while True:
        try:
            messages.append(read_message(reader, deadline))
        except TimeoutError:
            return messages, True
        except EOFError:
            return messages, False
        if len(messages) == 1:
            deadline = time.monotonic() + limits["seconds"] + limits["grace"]


# --- the child: give up every right, build, run ---------------------------------------------------


def failure(error: str, detail: str) -> list:
    """An outcome [rows, columns, error, detail] without rows."""
    return [None, [], error, detail]


def _child(writer: int, blank: list, ddl: str | None, fills: list, sql: str, limits: dict) -> None:
    try:
        files = [_open_file(path) for path in fills] if ddl is None else []  # while a file may still be opened
        _restrict_process(limits)  # before the first statement, the benchmark's own included
        if not files and len(fills) > len(blank):
            raise ValueError(f"there are more than {MAX_DATABASES} fill scripts")
        connections = files or blank[: len(fills)]
        for connection, fill in () if files else zip(connections, fills, strict=True):
            _build(connection, ddl, fill)
        tables = _tables(connections[0]) if connections else set()
    except (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError, OverflowError) as error:
        write_message(writer, json.dumps(str(error) or type(error).__name__).encode())
        return
    _limit_cpu(limits["seconds"])
    if connections:  # one limit for all databases, beside what they may need themselves
        own = 10 * sum(len(ddl or "") + len(fill) for fill in fills)
        connections[0].execute(f"PRAGMA hard_heap_limit={limits['heap_bytes'] + own}")
    write_message(writer, b"ready")
    deadline = time.monotonic() + limits["seconds"]
    for connection in connections:
        _restrict_connection(connection, limits)
        try:
            outcome = _run(connection, tables, sql, limits, deadline)
            payload = json.dumps(outcome, default=lambda blob: {"blob": blob.hex()}).encode()
        except MemoryError:
            payload = json.dumps(failure("memory", "out of memory")).encode()
        write_message(writer, payload)


def _build(connection: sqlite3.Connection, ddl: str, fill: str) -> None:
    # temp_store: what a sorter spills to a file otherwise. One transaction: faster.
    connection.executescript(f"PRAGMA temp_store=MEMORY; BEGIN;\n{ddl}\n;\n{fill}\n; COMMIT; PRAGMA query_only=ON;")


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    return {name.lower() for (name,) in rows if not name.lower().startswith("sqlite_")}


def _restrict_connection(connection: sqlite3.Connection, limits: dict) -> None:
    for category, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, limits["value_bytes"]),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 4 * limits["sql_chars"]),  # bytes, at most 4 a character
        (sqlite3.SQLITE_LIMIT_COLUMN, 500),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 200),
        (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 50),
        (sqlite3.SQLITE_LIMIT_VDBE_OP, 100_000),
        (sqlite3.SQLITE_LIMIT_FUNCTION_ARG, 100),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
        (sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 0),
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    ):
        connection.setlimit(category, value)


def _restrict_process(limits: dict) -> None:
    """Kernel limits, for whatever SQLite's own limits let through."""
    try:  # only Linux says how much is mapped; elsewhere the heap limit of SQLite has to do
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
        mapped = int(os.read(descriptor, 100).split()[0]) * resource.getpagesize()
        os.close(descriptor)
        _set_limit("RLIMIT_AS", mapped + limits["address_bytes"])
    except OSError:
        pass
    for name in ("RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_NPROC"):
        _set_limit(name, 0)
    _limit_cpu(BUILD_SECONDS + limits["seconds"])


def _limit_cpu(seconds: float) -> None:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    _set_limit("RLIMIT_CPU", math.ceil(spent.ru_utime + spent.ru_stime + seconds) + 1)


def _set_limit(name: str, value: int) -> None:
    try:
        resource.setrlimit(getattr(resource, name), (value, value))
    except (AttributeError, ValueError, OSError):
        return  # macOS refuses some of them


def _run(connection: sqlite3.Connection, tables: set[str], sql: str, limits: dict, deadline: float) -> list:
    denied: list[str] = []

    def authorize(action, first, second, database, source):
        allowed = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE)
        if action == sqlite3.SQLITE_FUNCTION:
            allowed = (second or "").lower() in FUNCTIONS
        elif action == sqlite3.SQLITE_READ:
            # SQLite names no column when none is used; the name may then be that of a WITH.
            name = (first or "").lower()
            allowed = name in tables or not second and not name.startswith(SPECIAL_TABLES)
        if not allowed:
            denied.append(f"not allowed: {action} {first} {second}"[:200])
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    connection.set_authorizer(authorize)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, PROGRESS_OPS)
    try:
        if time.monotonic() > deadline:
            return failure("timeout", "no time left for this database")
        cursor = connection.execute(sql)
        if cursor.description is None:
            return failure("no_query", "the statement returns no columns")
        return _fetch(cursor, limits)
    except sqlite3.Error as error:
        if denied:
            return failure("forbidden", denied[0])
        return failure(_code(error), str(error)[:200])
    except sqlite3.Warning as error:  # how Python 3.11 reports a second statement
        return failure("several_statements", str(error))
    except (MemoryError, OverflowError):
        return failure("memory", "out of memory")


def _code(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_INTERRUPT"):
        return "timeout"
    if name.startswith(("SQLITE_NOMEM", "SQLITE_TOOBIG")):
        return "memory"
    if name.startswith(("SQLITE_AUTH", "SQLITE_READONLY")):
        return "forbidden"
    return "several_statements" if "one statement" in str(error) else "sql_error"


def _fetch(cursor: sqlite3.Cursor, limits: dict) -> list:
    rows, size = [], 0
    for row in cursor:
        if len(rows) == limits["rows"]:
            return failure("too_many_rows", f"more than {limits['rows']} rows")
        for value in row:
            size += 8
            if isinstance(value, str):
                size += len(value.encode("utf-8"))
            elif isinstance(value, bytes):
                size += len(value)
        if size > limits["output_bytes"]:
            return failure("too_much_output", f"more than {limits['output_bytes']} bytes")
        rows.append(row)
    return [rows, [column[0] for column in cursor.description], None, ""]


if __name__ == "__main__":
    serve()
