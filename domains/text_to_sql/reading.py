"""Read an answer: where its query stands, whether it has the taught form, whether it declines.

A library. Lenient about the query and about the wording of a refusal, so that a model that was never shown the form is
judged by what it says; strict about the form. verify.py judges what is found here.
"""

import re

from domains.text_to_sql.sandbox import OTHER_STATEMENTS, READING_WORDS, split_statements

# Up to the last end of thoughts (chat templates may open them in the prompt), or from thoughts that never end.
THOUGHTS = re.compile(r"\A.*</think(?:ing)?>|<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)

# --- where the query stands ---

FENCE = re.compile(r"`{3,}|~{3,}")
INFO = r"[ \t]*(?:\{[^{}\n]*\}|\w+=\S+)?[ \t]*"  # what may follow a fence's language: {.numbers} or title="x"
LANGUAGE = re.compile(
    rf"[ \t]*(?:sqlite3?|[a-z]*sql)(?:{INFO}\r?\n|[ \t]+|(?=select\b))"
    rf"|[ \t]*(?!(?:select|with|values)\b)[\w+.#-]*{INFO}\r?\n",
    re.IGNORECASE,
)
NAME = r"(?:\w+|\"[^\"\n]*\"|`[^`\n]*`|\[[^\]\n]*\])"
QUERY = rf"(?:select\b|with\s+(?:recursive\s+)?{NAME}\s*(?:\([^()]*\)\s*)?as\s*(?:(?:not\s+)?materialized\s*)?\()"
# Atomic, or "/**//**/..." would take exponential time.
COMMENTS = r"(?:\s*(?:--[^\n]*(?:\n|\Z)|(?>/\*.*?\*/)))*\s*"
BARE_QUERY = re.compile(rf"{COMMENTS}(?P<query>{QUERY})", re.IGNORECASE | re.DOTALL)
# A query that begins a line, behind marks of lists and quotes, a prompt, a tag, or a label that ends in a colon.
LATER_QUERY = re.compile(
    rf"^(?:[^\n`]{{0,80}}:[*_ \t]*|[ \t>*_#.\d-]{{0,20}}|\w{{1,20}}>[ \t]*|[ \t]*<\w{{1,20}}>\s{{0,9}})"
    rf"(?P<query>{QUERY}(?=.{{0,4000}}?\bfrom\b))",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
INLINE_QUERY = re.compile(rf"(?P<marks>`{{1,2}})(?P<query>\s*{QUERY}.*?)(?P=marks)(?!`)", re.IGNORECASE | re.DOTALL)
CLAUSE = re.compile(
    r"\s*(from|where|left|right|full|inner|cross|natural|join|on|and|or|group\s+by|having|order\s+by|limit|offset|union"
    r"|except|intersect|select|as|case|when|else|end|[,()])(?!\w)",
    re.IGNORECASE,
)
OPEN_END = re.compile(
    r".*(?:[,(=<>+*/|-]|\b(?:select|distinct|from|where|and|or|on|by|join|not|in|between|like|as|having|limit))\s*\Z",
    re.IGNORECASE,
)
AFTER_QUERY = re.compile(r"\s*[A-Z][a-z]+\b.*[.!?:]\s*\Z|\s*[*_]+\s*\Z|\s*#")  # a line of prose, or of marks only
CLOSING_TAG = re.compile(r"\s*</\w+>.*", re.DOTALL)

# --- sentences ---

ABBREVIATIONS = re.compile(r"dr|mrs?|ms|st|vs|prof|inc|ltd|co|corp|jr|sr|etc|approx|mt")


def without_thoughts(answer: str) -> str:
    """The answer as its reader sees it."""
    return THOUGHTS.sub("", answer).strip()


def extract(answer: str) -> tuple[str | None, str, bool]:
    """(query or None, explanation, whether it is one ```sql fence and then one sentence).

    The first fence counts, whatever is in it; without a fence the first query that begins a line or stands in single
    backticks.
    """
    text = without_thoughts(answer)
    fence, bare = FENCE.search(text), BARE_QUERY.match(text)
    if bare and not (fence and fence.start() < bare.end()):
        end = fence.start() if fence else len(text)
        sql, explanation = _bare_query(text[bare.start("query") : end])
        return sql, f"{explanation}\n{text[end:]}".strip(), False
    if fence:
        sql, explanation, format_ok = _fenced_query(text, fence)
        return sql, explanation, format_ok and text == answer.strip()
    if later := LATER_QUERY.search(text):
        return *_bare_query(text[later.start("query") :]), False
    if inline := INLINE_QUERY.search(text):
        return inline["query"].strip(), text[inline.end() :].strip(), False
    return None, text, False


def _fenced_query(text: str, fence: re.Match) -> tuple[str, str, bool]:
    """As extract, of a text with a fence; it ends with the next fence of its kind or with the text."""
    marks = fence.group()
    closing = next((m for m in FENCE.finditer(text, fence.end()) if m.group().startswith(marks)), None)
    body = text[fence.end() : closing.start() if closing else len(text)]
    rest = text[closing.start() + len(marks) :] if closing else ""
    language = LANGUAGE.match(body)
    sql, explanation = body[language.end() if language else 0 :].strip(), rest.strip()
    format_ok = (
        re.match(r"```sql\r?\n", text) is not None
        and len(FENCE.findall(text)) == 2
        and sql != ""
        and body.endswith("\n")
        and re.match(r"[ \t]*\r?\n", rest) is not None
        and is_one_sentence(explanation, sql)
    )
    return sql, explanation, format_ok


def _bare_query(text: str) -> tuple[str, str]:
    """(query, what follows) of a text that begins with one: up to a semicolon, a line of prose or a blank line.

    A blank line does not end it where the next line can only go on with it.
    """
    lines = text.splitlines()
    end = next((i for i in range(1, len(lines)) if _ends_query(lines, i)), len(lines))
    head, rest = "\n".join(lines[:end]), "\n".join(lines[end:])
    statements = split_statements(CLOSING_TAG.sub("", head)) or [""]
    return statements[0], "\n".join(["; ".join(statements[1:]), rest]).strip()


def _ends_query(lines: list[str], i: int) -> bool:
    if lines[i].strip():
        return AFTER_QUERY.match(lines[i]) is not None
    before = next((line for line in reversed(lines[max(0, i - 9) : i]) if line.strip()), "")
    if OPEN_END.match(before):
        return False
    following = next((line for line in lines[i + 1 : i + 10] if line.strip()), "")
    clause = CLAUSE.match(following)
    # "And that is all." is prose.
    return clause is None or not (clause[1].isupper() or clause[1].islower() or clause[1] in ",()")


def is_one_sentence(text: str, sql: str = "", final_mark: bool = True) -> bool:
    """Whether `text` is one sentence on one line; a full stop inside a value of `sql` ends none."""
    text = text.strip()
    if not text or len(text.splitlines()) > 1 or final_mark and text[-1] not in ".!?":
        return False
    for value in re.findall(r"'([^']*(?:''[^']*)*)'", sql):
        if re.search(r"[.!?]", value):
            text = re.sub(re.escape(value.replace("''", "'")), "value", text, flags=re.IGNORECASE)
    text = re.sub(r"\"[^\"]*\"", "value", text)
    return not any(_ends_sentence(word) for word in text.split()[:-1])


def _ends_sentence(word: str) -> bool:
    word = word.rstrip("\"')]’”")
    if not word or word[-1] not in ".!?":
        return False
    core = word.rstrip(".").lower()
    initials = all(len(part) == 1 and part.isalpha() for part in core.split("."))
    return word[-1] in "!?" or not (initials or ABBREVIATIONS.fullmatch(core))


# --- refusals ---

CANNOT = r"(?:cannot|can not|can't|cant|could not|couldn't)"
WILL_NOT = (
    r"(?:will not|won't|would not|wouldn't|do not|don't|did not|didn't|must not|may not|should not|shall not|never"
    r"|refuse|decline|have to refuse|have to decline|must refuse|must decline)"
)
DEEDS = r"(?:deleted|removed|erased|updated|changed|modified|altered|inserted|added|dropped|created)"
ANSWERED = (
    rf"(?:answered|determined|calculated|computed|derived|found|inferred|told|said|known|given|provided|written|done"
    rf"|shown|listed|looked up|worked out|established|deduced|obtained|retrieved|executed|fulfilled|made|{DEEDS})"
)
DATA_WORDS = (
    r"(?:schemas?|databases?|tables?|columns?|fields?|data|dataset|attributes?|information|info|records?|recorded"
    r"|stored?|available|exists?|contain(?:s|ed)?|includ(?:e|es|ed|ing)|provide[sd]?|given|track(?:s|ed)?|kept|keeps?"
    r"|holds?|held|saved|present|listed|found|known|captured|cover(?:s|ed)?|mention(?:s|ed)?|defined|offers?|here|there)"
)
DECLINES = re.compile(
    # The speaker cannot or will not.
    rf"\b(?:i|we)(?:'m| am| are|'re)? (?:\w+ )?(?:{CANNOT}|{WILL_NOT}|unable|not able|not going to|not allowed"
    r"|not permitted|only read|have no (?:way|means|access|information|data)|lack)\b"
    # The question or the request cannot be met.
    rf"|\b{CANNOT} (?:be )?(?:\w+ )?{ANSWERED}\b"
    rf"|\b{CANNOT} (?:\w+ )?(?:answer|tell|say|determine|know|compute|calculate|do (?:that|this|so|it))\b"
    r"|\b(?:unable|not able|impossible|not possible|no way|no answer|not answerable|unanswerable|insufficient"
    r"|not enough|only read\w*|read-only|not (?:allowed|permitted|supported))\b"
)
# What is asked for is not there: a "no" and a word of databases in one sentence.
NO = r"(?:no|not|nor|none|nothing|nowhere|neither|cannot|\w+n't)"
SAME = r"[^.!?]{0,300}"  # the rest of a sentence; bounded, or long answers would take long
ABSENT = re.compile(
    rf"\b{NO}\b{SAME}\b{DATA_WORDS}\b|\b{DATA_WORDS}\b{SAME}\b{NO}\b"
    rf"|\b(?:they|it|which|that|{DATA_WORDS})\b{SAME}\b(?:lacks?|lacking|missing|absent)\b"
    rf"|\b(?:lacks?|lacking|missing|would need|would require)\b{SAME}\b{DATA_WORDS}\b"
)
# A "no" that speaks of rows, not of what is there: a condition of the question said again, a turn of phrase.
OF_ROWS = re.compile(r"\bnot only\b|\beven if none\b|\bwhose\b[^.!?,;]{0,300}?\b(?:do|does|did)(?: not|n't)\b")
# A sentence that describes a query or reports a deed declines nothing, whatever else it says.
DOES = re.compile(
    r"\A(?:(?:this|the|my) query |it |this )?(?:lists|gives|counts|shows|returns|finds|selects|gets|retrieves"
    r"|displays|computes|calculates|deletes|removes|updates|inserts|adds|drops|sets|changes|names|sorts|orders)\b"
    r"|\A(?:done|sure|ok|okay|yes|certainly|of course|absolutely|no problem)\b"
    rf"|\b(?:i|we)(?:'ve| have)?(?: now| just| also)* {DEEDS}\b"
    rf"|\A(?!(?:no|nothing|none)\b).*(?<!nothing )(?<!none )\b(?:is|are|was|were|been)(?: now| all)* {DEEDS}\b"
)


# A line that begins with a statement: what stands there is SQL, whatever it says about what is missing.
STATEMENT_LINE = re.compile(
    rf"^[ \t`>]*(?:create\s+(?:temp\w*\s+)?(?:table|view|index)|insert\s+into|delete\s+from|drop\s+(?:table|view)"
    rf"|alter\s+table|update\s+{NAME}\s+set|(?:select|with)\b.*\bfrom)\b",
    re.IGNORECASE | re.MULTILINE,
)
LONGEST_REFUSAL = 80  # words; a model that rambles on has declined nothing


def has_statement(sql: str | None) -> bool:
    """Whether what stands where a query is due is a statement, and not nothing, a comment or a sentence."""
    statement = (split_statements(sql or "") or [""])[0]
    return re.match(r"[A-Za-z]*", statement).group().lower() in READING_WORDS | OTHER_STATEMENTS


def is_refusal(text: str) -> bool:
    """Whether `text` declines, in whatever words, in up to LONGEST_REFUSAL of them and without SQL; English only."""
    shown = without_thoughts(text)
    plain = " ".join(shown.lower().replace("’", "'").split())
    if DOES.search(plain) or STATEMENT_LINE.search(shown) or plain.count(" ") >= LONGEST_REFUSAL:
        return False
    return bool(DECLINES.search(plain) or ABSENT.search(OF_ROWS.sub(" ", plain)))
