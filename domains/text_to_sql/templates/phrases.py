"""How people ask: sentence frames and condition phrases, written by hand, kept apart by split.

No phrase stands in two splits (tests/test_templates.py proves it). Slots: {things} a plural noun with its conditions,
{thing} a singular one, {cols}/{col} column words, {v} {w} values, {k} a number of rows; others beside their frames.
"""

# --- conditions: they follow a plural noun, "books {phrase}" ------------------------------------------

CONDITIONS = {
    ">": {
        "sft": (
            "with a {col} above {v}",
            "with a {col} over {v}",
            "whose {col} is more than {v}",
            "that have a {col} greater than {v}",
            "with a {col} of more than {v}",
            "where the {col} is over {v}",
            "with {col} > {v}",
            "whose {col} is greater than {v}",
            "that have more than {v} as {col}",
        ),
        "dpo": ("with a {col} exceeding {v}", "whose {col} goes beyond {v}", "having a {col} bigger than {v}"),
        "dev": ("where the {col} is higher than {v}", "with a {col} north of {v}"),
        "test": (
            "with a {col} higher than {v}",
            "whose {col} exceeds {v}",
            "that have a {col} larger than {v}",
            "where {col} is upwards of {v}, {v} itself not counted",
        ),
    },
    "<": {
        "sft": (
            "with a {col} below {v}",
            "with a {col} under {v}",
            "whose {col} is less than {v}",
            "that have a {col} smaller than {v}",
            "with a {col} of less than {v}",
            "where the {col} is under {v}",
            "with {col} < {v}",
            "whose {col} is smaller than {v}",
            "that have less than {v} as {col}",
        ),
        "dpo": ("with a {col} short of {v}", "whose {col} stays below {v}", "having a {col} lesser than {v}"),
        "dev": ("where the {col} is lower than {v}", "with a {col} south of {v}"),
        "test": (
            "with a {col} lower than {v}",
            "whose {col} does not reach {v}",
            "that have a {col} that is less than {v}",
            "where {col} falls short of {v}",
        ),
    },
    ">=": {
        "sft": (
            "with a {col} of at least {v}",
            "whose {col} is at least {v}",
            "with a {col} of {v} or more",
            "with at least {v} as {col}",
            "where the {col} is {v} or more",
            "whose {col} is not below {v}",
            "with {col} >= {v}",
            "that have a {col} of {v} and up",
        ),
        "dpo": ("with a {col} no lower than {v}", "having a {col} from {v} upwards", "with a minimum {col} of {v}"),
        "dev": ("where the {col} is {v} or higher", "that reach a {col} of at least {v}"),
        "test": (
            "whose {col} is {v} or greater",
            "with a {col} not less than {v}",
            "that have a {col} of {v} or above",
            "with {col} starting at {v}",
        ),
    },
    "<=": {
        "sft": (
            "with a {col} of at most {v}",
            "whose {col} is at most {v}",
            "with a {col} of {v} or less",
            "with at most {v} as {col}",
            "where the {col} is {v} or less",
            "whose {col} is not above {v}",
            "with {col} <= {v}",
            "that have a {col} of up to {v}",
        ),
        "dpo": ("with a {col} no higher than {v}", "having a {col} from {v} downwards", "with a maximum {col} of {v}"),
        "dev": ("where the {col} is {v} or lower", "that stay at a {col} of at most {v}"),
        "test": (
            "whose {col} is {v} or smaller",
            "with a {col} not more than {v}",
            "that have a {col} of {v} or below",
            "with a {col} that does not exceed {v}",
        ),
    },
    "= number": {
        "sft": (
            "with a {col} of {v}",
            "whose {col} is {v}",
            "with a {col} of exactly {v}",
            "where the {col} equals {v}",
            "that have a {col} of {v}",
            "with {col} {v}",
            "with {col} = {v}",
            "where {col} is exactly {v}",
        ),
        "dpo": ("with a {col} equal to {v}", "having {v} as {col}", "at a {col} of {v}"),
        "dev": ("where the {col} is precisely {v}", "showing a {col} of {v}"),
        "test": (
            "whose {col} is exactly {v}",
            "whose {col} comes to {v}",
            "that have exactly {v} as their {col}",
            "where {col} reads {v}",
        ),
    },
    "=": {
        "sft": (
            "with the {col} {v}",
            "whose {col} is {v}",
            "with {col} {v}",
            "where the {col} is {v}",
            "that have {v} as {col}",
            "with {col} '{v}'",
            "whose {col} is '{v}'",
            "with {v} as their {col}",
            "where {col} = {v}",
        ),
        "dpo": ("with {v} for {col}", "having the {col} {v}", "filed under the {col} '{v}'"),
        "dev": ("of the {col} {v}", "listed with {v} as {col}"),
        "test": (
            "whose {col} equals {v}",
            "that belong to the {col} {v}",
            "with {col} set to {v}",
            "that come under {v} ({col})",
        ),
    },
    "<>": {
        "sft": (
            "whose {col} is not {v}",
            "with a {col} other than {v}",
            "that do not have {v} as {col}",
            "where the {col} is not {v}",
            "with any {col} but {v}",
            "whose {col} is different from {v}",
            "with {col} <> {v}",
            "with a {col} that is not {v}",
        ),
        "dpo": ("with anything but {v} as {col}", "not having the {col} {v}", "leaving out the {col} {v}"),
        "dev": ("not listed with {v} as {col}", "where the {col} differs from {v}"),
        "test": (
            "whose {col} is anything except {v}",
            "that do not belong to the {col} {v}",
            "except those with {v} as {col}",
            "with {col} not set to {v}",
        ),
    },
    "between": {
        "sft": (
            "with a {col} between {v} and {w}",
            "whose {col} is between {v} and {w}",
            "with a {col} from {v} to {w}",
            "that have a {col} between {v} and {w}",
            "where the {col} is from {v} to {w}",
            "with {col} {v} to {w}",
            "with {col} between {v} and {w}",
            "whose {col} is {v} to {w}",
        ),
        "dpo": ("with a {col} in the range {v} to {w}", "having a {col} of {v} up to {w}", "with {col} {v}-{w}"),
        "dev": ("where the {col} lies between {v} and {w}", "with a {col} anywhere from {v} to {w}"),
        "test": (
            "whose {col} falls between {v} and {w}",
            "with a {col} no less than {v} and no more than {w}",
            "that range from {v} to {w} in {col}",
            "with a {col} within {v} and {w}",
        ),
    },
    "null": {
        "sft": (
            "without a {col}",
            "whose {col} is missing",
            "with no {col}",
            "that have no {col}",
            "where no {col} is given",
            "with a missing {col}",
            "where the {col} is null",
            "whose {col} is not known",
            "where the {col} is not filled in",
        ),
        "dpo": ("that lack a {col}", "having no {col} on file", "for which the {col} was left out"),
        "dev": ("where the {col} is empty", "with the {col} left blank"),
        "test": (
            "for which no {col} was recorded",
            "whose {col} is unknown",
            "that do not have a {col}",
            "with nothing entered as {col}",
        ),
    },
    "not null": {
        "sft": (
            "that have a {col}",
            "whose {col} is known",
            "with a known {col}",
            "where a {col} is given",
            "where the {col} is not missing",
            "with any {col} at all",
            "where the {col} is not null",
            "with a {col} on record",
        ),
        "dpo": ("having some {col} on file", "that come with a {col}", "for which there is a {col}"),
        "dev": ("where the {col} is filled in", "with the {col} given"),
        "test": (
            "for which a {col} was recorded",
            "whose {col} is not empty",
            "that do have a {col}",
            "with something entered as {col}",
        ),
    },
    "prefix": {
        "sft": (
            "whose {col} starts with {v}",
            "with a {col} that starts with {v}",
            "where the {col} starts with '{v}'",
            "that have a {col} starting with {v}",
            "with a {col} starting with '{v}'",
            "whose {col} begins with '{v}'",
            "with {v} at the beginning of the {col}",
            "where {col} starts in {v}",
        ),
        "dpo": ("with a {col} beginning with {v}", "whose {col} opens with {v}", "having a {col} of the form {v}..."),
        "dev": ("where the {col} begins with {v}", "with {v} at the start of the {col}"),
        "test": (
            "with a {col} that begins with {v}",
            "with a {col} that has {v} in front",
            "where '{v}' is what the {col} starts with",
            "with the prefix {v} in the {col}",
        ),
    },
    "contains": {
        "sft": (
            "whose {col} contains {v}",
            "with {v} in the {col}",
            "where the {col} contains '{v}'",
            "that have {v} in their {col}",
            "with the word {v} in the {col}",
            "with a {col} containing '{v}'",
            "with '{v}' somewhere in the {col}",
            "where {v} occurs in the {col}",
        ),
        "dpo": ("with a {col} that includes {v}", "having {v} anywhere in the {col}", "with {v} as part of the {col}"),
        "dev": ("where the {col} includes {v}", "that mention {v} in the {col}"),
        "test": (
            "whose {col} has {v} in it",
            "with {v} anywhere in their {col}",
            "where '{v}' appears in the {col}",
            "with the substring {v} in the {col}",
        ),
    },
    "suffix": {
        "sft": (
            "whose {col} ends in {v}",
            "with a {col} that ends with {v}",
            "where the {col} ends with '{v}'",
            "that have a {col} ending in {v}",
            "with a {col} ending with '{v}'",
            "with {v} at the end of the {col}",
            "whose {col} ends with {v}",
            "where {col} ends on '{v}'",
        ),
        "dpo": (
            "whose {col} closes with {v}",
            "with {v} as the last part of the {col}",
            "having a {col} of the form ...{v}",
        ),
        "dev": ("where the {col} finishes with {v}", "with the ending {v} in the {col}"),
        "test": (
            "whose {col} has {v} at the very end",
            "with a {col} that finishes in {v}",
            "where '{v}' is the end of the {col}",
            "with the suffix {v} in the {col}",
        ),
    },
    "date >": {
        "sft": (
            "with a {col} after {v}",
            "whose {col} is after {v}",
            "whose {col} is later than {v}",
            "where the {col} is after {v}",
            "that have a {col} later than {v}",
            "with {col} after {v}",
            "with {col} > {v}",
            "where the {col} comes later than {v}",
        ),
        "dpo": ("having a {col} past {v}", "with a {col} more recent than {v}", "whose {col} comes behind {v}"),
        "dev": ("where the {col} comes after {v}", "with a {col} newer than {v}"),
        "test": (
            "whose {col} is more recent than {v}",
            "with a {col} later than {v}",
            "where the {col} follows {v}",
            "whose {col} lies after {v}",
        ),
    },
    "date <": {
        "sft": (
            "with a {col} before {v}",
            "whose {col} is before {v}",
            "whose {col} is earlier than {v}",
            "where the {col} is before {v}",
            "that have a {col} earlier than {v}",
            "with {col} before {v}",
            "with {col} < {v}",
            "where the {col} comes earlier than {v}",
        ),
        "dpo": ("having a {col} prior to {v}", "with a {col} further back than {v}", "whose {col} comes ahead of {v}"),
        "dev": ("where the {col} comes before {v}", "with a {col} older than {v}"),
        "test": (
            "whose {col} is older than {v}",
            "with a {col} earlier than {v}",
            "where the {col} precedes {v}",
            "whose {col} lies before {v}",
        ),
    },
    "date >=": {
        "sft": (
            "with a {col} on or after {v}",
            "whose {col} is {v} or later",
            "with a {col} since {v}",
            "where the {col} is on or after {v}",
            "with {col} from {v} on",
            "whose {col} is not before {v}",
            "with {col} >= {v}",
            "that have a {col} of {v} or later",
        ),
        "dpo": ("having a {col} from {v} onwards", "whose {col} is no earlier than {v}", "with {col} since {v}"),
        "dev": ("where the {col} is {v} or afterwards", "with a {col} beginning {v}, that day included"),
        "test": (
            "with a {col} no earlier than {v}",
            "whose {col} falls on {v} or later",
            "where the {col} is dated {v} or after",
            "with a {col} of {v} or any later day",
        ),
    },
    "date <=": {
        "sft": (
            "with a {col} on or before {v}",
            "whose {col} is {v} or earlier",
            "with a {col} up to {v}",
            "where the {col} is on or before {v}",
            "with {col} until {v}, that day included",
            "whose {col} is not after {v}",
            "with {col} <= {v}",
            "that have a {col} of {v} or earlier",
        ),
        "dpo": ("having a {col} up to and including {v}", "whose {col} is no later than {v}", "with a {col} by {v}"),
        "dev": ("where the {col} is {v} or sooner", "with a {col} through {v}"),
        "test": (
            "with a {col} no later than {v}",
            "whose {col} falls on {v} or earlier",
            "where the {col} is dated {v} or before",
            "with a {col} of {v} or any earlier day",
        ),
    },
    "date between": {
        "sft": (
            "with a {col} between {v} and {w}",
            "whose {col} is between {v} and {w}",
            "with a {col} from {v} to {w}",
            "where the {col} is between {v} and {w}",
            "that have a {col} from {v} to {w}",
            "with {col} from {v} to {w}",
            "whose {col} is from {v} up to {w}",
            "with {col} between {v} and {w}",
        ),
        "dpo": ("having a {col} from {v} through {w}", "with a {col} in the period {v} to {w}", "with {col} {v} - {w}"),
        "dev": ("where the {col} lies between {v} and {w}", "with a {col} inside {v} to {w}"),
        "test": (
            "whose {col} falls between {v} and {w}",
            "with a {col} not before {v} and not after {w}",
            "where the {col} is any day from {v} to {w}",
            "whose {col} is within {v} and {w}",
        ),
    },
    "year": {
        "sft": (
            "with a {col} in {v}",
            "whose {col} is in {v}",
            "with a {col} in the year {v}",
            "where the year of the {col} is {v}",
            "that have a {col} in {v}",
            "with {col} in {v}",
            "where the {col} is in {v}",
            "with a {v} {col}",
        ),
        "dpo": ("having a {col} during {v}", "with a {col} within {v}", "whose {col} is some day of {v}"),
        "dev": ("where the {col} falls in {v}", "with a {col} from the year {v}"),
        "test": (
            "whose {col} lies in {v}",
            "with a {col} at some point in {v}",
            "where {v} is the year of the {col}",
            "whose {col} falls within {v}",
        ),
    },
    "month": {
        "sft": (
            "with a {col} in {v}",
            "whose {col} is in {v}",
            "with {col} in {v}",
            "that have a {col} in {v}",
            "where the {col} is in {v}",
            "with a {col} in the month of {v}",
            "whose {col} is a day in {v}",
            "with a {v} {col}",
        ),
        "dpo": ("having a {col} during {v}", "with a {col} within {v}", "whose {col} is some day of {v}"),
        "dev": ("where the {col} falls in {v}", "with a {col} from {v}"),
        "test": (
            "whose {col} lies in {v}",
            "with a {col} at some point in {v}",
            "where {v} is the month of the {col}",
            "whose {col} falls within {v}",
        ),
    },
    "in": {  # {v}: "A or B", "A, B or C"
        "sft": (
            "whose {col} is {v}",
            "with the {col} {v}",
            "with {col} {v}",
            "where the {col} is {v}",
            "that have {v} as {col}",
            "whose {col} is either {v}",
            "with either {v} as {col}",
            "with {v} as their {col}",
        ),
        "dpo": ("with {v} for {col}", "having the {col} {v}", "whose {col} is one of {v}"),
        "dev": ("of the {col} {v}", "listed with {v} as {col}"),
        "test": (
            "whose {col} equals {v}",
            "that belong to the {col} {v}",
            "with {col} set to {v}",
            "whose {col} can be {v}",
        ),
    },
    "not in": {
        "sft": (
            "whose {col} is neither {v}",
            "with a {col} that is neither {v}",
            "where the {col} is neither {v}",
            "that have neither {v} as {col}",
            "with neither {v} as {col}",
            "with {col} neither {v}",
            "whose {col} is not {v} either",
            "that do not have {v} as {col}, neither the one nor the other",
        ),
        "dpo": ("having neither {v} for {col}", "with neither the {col} {v}"),
        "dev": ("listed with neither {v} as {col}", "of neither the {col} {v}"),
        "test": (
            "whose {col} equals neither {v}",
            "that belong to neither the {col} {v}",
            "with {col} set to neither {v}",
        ),
    },
    "column >": {  # {col} and {other}: two columns of one unit
        "sft": (
            "whose {col} is above the {other}",
            "with a {col} above the {other}",
            "whose {col} is greater than their {other}",
            "where the {col} is more than the {other}",
            "with a {col} larger than the {other}",
            "with a higher {col} than {other}",
            "that have more {col} than {other}",
            "with {col} > {other}",
        ),
        "dpo": ("whose {col} exceeds the {other}", "having a {col} bigger than the {other}"),
        "dev": ("where the {col} is higher than the {other}", "whose {col} beats the {other}"),
        "test": (
            "whose {col} is larger than the {other}",
            "with a {col} that goes beyond the {other}",
            "where the {other} is smaller than the {col}",
        ),
    },
    "above": {  # {side}: above or below, of the average of all rows
        "sft": (
            "with a {col} {side} average",
            "whose {col} is {side} average",
            "whose {col} is {side} the average",
            "with a {col} {side} the average",
            "where the {col} is {side} the overall average",
            "that are {side} average in {col}",
            "with {side} average {col}",
            "whose {col} is {side} the average {col}",
        ),
        "dpo": (
            "whose {col} lies {side} the mean",
            "having a {col} {side} the mean",
            "whose {col} is {side} what is average",
        ),
        "dev": ("where the {col} is {side} the mean of all", "that come in {side} the average on {col}"),
        "test": (
            "whose {col} lies {side} average",
            "with a {col} {side} that of the average",
            "that are {side} the mean {col}",
            "whose {col} turns out {side} the average",
        ),
    },
    "than": {  # {name}: another row, with which {col} is compared; {word}: higher or lower
        "sft": (
            "with a {word} {col} than {name}",
            "whose {col} is {word} than that of {name}",
            "that have a {word} {col} than {name}",
            "with {col} {word} than for {name}",
            "whose {col} is {word} than {name}'s",
            "where the {col} is {word} than that of {name}",
            "with a {col} {word} than the one of {name}",
            "that are {word} in {col} than {name}",
        ),
        "dpo": ("having a {word} {col} than {name} has", "whose {col} turns out {word} than {name}'s"),
        "dev": ("showing a {word} {col} than {name}", "that come out {word} on {col} than {name}"),
        "test": (
            "with a {col} that is {word} than {name}'s",
            "whose {col} is {word} compared with {name}",
            "that have a {col} {word} than what {name} has",
        ),
    },
}
COMPARATIVE = {
    "sft": ("{adjective} than {v}", "that are {adjective} than {v}"),
    "dpo": ("being {adjective} than {v}",),
    "dev": ("which are {adjective} than {v}",),
    "test": ("that turn out {adjective} than {v}", "which must be {adjective} than {v}"),
}

# What people say instead of a column's name. The verb or preposition of a column stands in its frames.
VERBS = {
    "publication year": "published",
    "release year": "released",
    "founding year": "founded",
    "opening year": "opened",
    "building year": "built",
    "construction year": "built",
    "completion year": "completed",
    "creation year": "created",
    "sinking year": "sunk",
    "writing year": "written",
    "issue year": "issued",
    "birth year": "born",
    "birth date": "born",
    "foaling date": "born",
    "hire year": "hired",
    "hire date": "hired",
    "opening date": "opened",
    "launch date": "launched",
    "admission date": "admitted",
    "air date": "aired",
    "release date": "released",
    "print date": "printed",
    "report date": "reported",
    "filing date": "filed",
    "inspection date": "inspected",
    "find date": "found",
    "approval date": "approved",
    "premiere year": "premiered",
    "installation year": "installed",
    "dispatch date": "dispatched",
    "shipping date": "shipped",
    "publication date": "published",
    "order date": "placed",
    "gift date": "given",
    "match day": "played",
    "repair date": "done",
    "booking date": "made",
    "comment date": "written",
    "claim date": "filed",
    "delivery date": "delivered",
    "treatment date": "given",
    "test date": "run",
    "run date": "undertaken",
    "launch year": "launched",
    "setup date": "set up",
    "creation date": "created",
}
ACTIVE = {
    "price": "cost",
    "weight": "weigh",
    "body weight": "weigh",
    "salary": "earn",
    "base salary": "earn",
    "yearly income": "earn",
    "monthly pay": "earn",
    "hourly pay": "earn",
    "hourly wage": "earn",
    "monthly wage": "earn",
    "daily wage": "earn",
    "duration": "last",
    "running time": "last",
    "running minutes": "last",
    "playing time": "last",
    "capacity": "hold",
    "seat count": "seat",
    "seat capacity": "seat",
}
PLACES = {
    "country": "from",
    "home country": "from",
    "home town": "from",
    "hometown": "from",
    "home city": "from",
    "village": "from",
    "home village": "from",
    "native region": "from",
    "land": "from",
    "origin": "from",
    "city": "in",
    "town": "in",
    "county": "in",
    "continent": "in",
    "province": "in",
    "canton": "in",
    "district": "in",
    "quarter": "in",
    "location": "in",
    "home base": "in",
    "realm": "from",
    "neighbourhood": "in",
    "head office": "in",
    "practice town": "in",
}
# Columns whose values may stand before the noun: "diesel cars". Only where questions are trained on.
FRONT = {
    "sft": frozenset(
        """genre,language,body type,fuel,colour,coat colour,gender,sex,breed,nationality,cuisine,material,fabric,status,
        order status,claim status,project status,house type,cover type,music style,style,drug class,make,brand,
        manufacturer,bed type,frame material,engine type,mood,plan,flavour,species,segment,event type,product category,
        claim status,policy type,home nation,rock type,membership,grape""".replace("\n", "")
        .replace("  ", "")
        .split(",")
    ),
    "dpo": frozenset(),
    "dev": frozenset(),
    "test": frozenset(),
}
PROPER = frozenset(("language", "breed", "nationality", "cuisine", "make", "brand", "manufacturer", "grape"))
WHEN = {  # {verb}: of VERBS; a year or a date
    "month": {
        "sft": ("{verb} in {v}", "that were {verb} in {v}", "{verb} in the month of {v}"),
        "dpo": ("that got {verb} in {v}",),
        "dev": ("{verb} during {v}",),
        "test": ("which were {verb} in {v}", "{verb} some time in {v}"),
    },
    "day >=": {
        "sft": ("{verb} on {v} or later", "{verb} on or after {v}", "that were {verb} since {v}"),
        "dpo": ("that got {verb} on {v} or afterwards",),
        "dev": ("{verb} on {v} or any day after",),
        "test": ("which were {verb} on {v} at the earliest", "not {verb} before {v}"),
    },
    "day <=": {
        "sft": ("{verb} on {v} or earlier", "{verb} on or before {v}", "that were {verb} up to {v}"),
        "dpo": ("that got {verb} on {v} or sooner",),
        "dev": ("{verb} on {v} or any day before",),
        "test": ("which were {verb} on {v} at the latest", "not {verb} after {v}"),
    },
    ">": {
        "sft": ("{verb} after {v}", "that were {verb} after {v}", "{verb} later than {v}"),
        "dpo": ("that got {verb} after {v}",),
        "dev": ("only {verb} after {v}",),
        "test": ("which were {verb} later than {v}", "{verb} any time after {v}"),
    },
    "<": {
        "sft": ("{verb} before {v}", "that were {verb} before {v}", "{verb} earlier than {v}"),
        "dpo": ("that got {verb} before {v}",),
        "dev": ("already {verb} before {v}",),
        "test": ("which were {verb} earlier than {v}", "{verb} any time before {v}"),
    },
    ">=": {
        "sft": ("{verb} in {v} or later", "{verb} since {v}", "that were {verb} in or after {v}"),
        "dpo": ("that got {verb} in {v} or afterwards",),
        "dev": ("{verb} from {v} on",),
        "test": ("which were {verb} no earlier than {v}", "{verb} from {v} onwards"),
    },
    "<=": {
        "sft": ("{verb} in {v} or earlier", "{verb} up to {v}", "that were {verb} in or before {v}"),
        "dpo": ("that got {verb} in {v} or sooner",),
        "dev": ("{verb} no later than {v}",),
        "test": ("which were {verb} by {v} at the latest", "{verb} until {v}, {v} included"),
    },
    "=": {
        "sft": ("{verb} in {v}", "that were {verb} in {v}", "{verb} in the year {v}"),
        "dpo": ("that got {verb} in {v}",),
        "dev": ("{verb} during {v}",),
        "test": ("which were {verb} in {v}", "{verb} some time in {v}"),
    },
    "between": {
        "sft": ("{verb} between {v} and {w}", "that were {verb} from {v} to {w}", "{verb} from {v} to {w}"),
        "dpo": ("that got {verb} between {v} and {w}",),
        "dev": ("{verb} from {v} up to {w}",),
        "test": ("which were {verb} between {v} and {w}", "{verb} any time from {v} to {w}"),
    },
}
ACTS = {  # {verb}: of ACTIVE
    ">": {
        "sft": ("that {verb} more than {v}", "that {verb} over {v}"),
        "dpo": ("that {verb} in excess of {v}",),
        "dev": ("that {verb} above {v}",),
        "test": ("which {verb} more than {v}", "that {verb} anything over {v}"),
    },
    "<": {
        "sft": ("that {verb} less than {v}", "that {verb} under {v}"),
        "dpo": ("that {verb} short of {v}",),
        "dev": ("that {verb} below {v}",),
        "test": ("which {verb} less than {v}", "that {verb} anything under {v}"),
    },
    ">=": {
        "sft": ("that {verb} at least {v}", "that {verb} {v} or more"),
        "dpo": ("that {verb} no less than {v}",),
        "dev": ("that {verb} a minimum of {v}",),
        "test": ("which {verb} at least {v}", "that {verb} {v} and upwards"),
    },
    "<=": {
        "sft": ("that {verb} at most {v}", "that {verb} {v} or less"),
        "dpo": ("that {verb} no more than {v}",),
        "dev": ("that {verb} a maximum of {v}",),
        "test": ("which {verb} at most {v}", "that {verb} up to {v}"),
    },
    "between": {
        "sft": ("that {verb} between {v} and {w}", "that {verb} {v} to {w}"),
        "dpo": ("that {verb} from {v} to {w}",),
        "dev": ("that {verb} from {v} up to {w}",),
        "test": ("which {verb} between {v} and {w}", "that {verb} somewhere from {v} to {w}"),
    },
}
AGE = {
    ">": {
        "sft": ("over {v}", "aged over {v}", "over {v} years old", "that are over {v}"),
        "dpo": ("past the age of {v}",),
        "dev": ("beyond {v} years of age",),
        "test": ("over the age of {v}", "who are more than {v} years old"),
    },
    "<": {
        "sft": ("under {v}", "aged under {v}", "under {v} years old", "that are under {v}"),
        "dpo": ("not yet {v} years old",),
        "dev": ("below {v} years of age",),
        "test": ("under the age of {v}", "who are less than {v} years old"),
    },
    ">=": {
        "sft": ("aged {v} or older", "at least {v} years old", "aged {v} and over"),
        "dpo": ("from the age of {v} on",),
        "dev": ("{v} years of age or older",),
        "test": ("who are {v} or older", "of {v} years and more"),
    },
    "<=": {
        "sft": ("aged {v} or younger", "at most {v} years old", "aged {v} and under"),
        "dpo": ("up to the age of {v}",),
        "dev": ("{v} years of age or younger",),
        "test": ("who are {v} or younger", "of {v} years and less"),
    },
    "= number": {
        "sft": ("aged {v}", "{v} years old", "who are {v}"),
        "dpo": ("at the age of {v}",),
        "dev": ("of exactly {v} years of age",),
        "test": ("who are just {v} years old", "of the age of {v}"),
    },
    "between": {
        "sft": ("aged {v} to {w}", "between {v} and {w} years old", "aged between {v} and {w}"),
        "dpo": ("from the age of {v} to the age of {w}",),
        "dev": ("from {v} to {w} years of age",),
        "test": ("who are between {v} and {w} years old", "of {v} to {w} years"),
    },
}
WHERE = {  # {at}: of PLACES
    "=": {
        "sft": ("{at} {v}", "that are {at} {v}"),
        "dpo": ("all {at} {v}",),
        "dev": ("only {at} {v}",),
        "test": ("which are {at} {v}", "that we have {at} {v}"),
    },
    "<>": {
        "sft": ("not {at} {v}", "that are not {at} {v}"),
        "dpo": ("anything but {at} {v}",),
        "dev": ("which cannot be {at} {v}",),
        "test": ("which are not {at} {v}", "that we do not have {at} {v}"),
    },
    "in": {
        "sft": ("{at} {v}", "that are {at} {v}", "{at} either {v}"),
        "dpo": ("all {at} {v}",),
        "dev": ("only {at} {v}",),
        "test": ("which are {at} {v}", "that we have {at} {v}"),
    },
}
NAMED = {  # the row is called by its name; {of}: of a link
    "sft": ("{of} {v}", "{of} '{v}'", "{of} the {thing} {v}"),
    "dpo": ("{of} a {thing} called {v}",),
    "dev": ("{of} the {thing} named {v}",),
    "test": ("{of} {v} (a {thing})", "{of} the {thing} that is called {v}"),
}

# --- rows ---------------------------------------------------------------------------------------------

LIST = {
    "sft": (
        "List the {cols} of the {things}.",
        "Show the {cols} of {things}.",
        "What are the {cols} of the {things}?",
        "Give me the {cols} of all {things}.",
        "Find the {cols} of {things}.",
        "I need the {cols} of the {things}.",
        "Show me {things} with their {cols}.",
        "For all {things}, give the {cols}.",
        "{cols} of {things}",
        "Can you list the {cols} of {things}?",
        "Which {things} are there? I need the {cols}.",
        "Return the {cols} for {things}.",
        "{things}: {cols}",
        "What {cols} do the {things} have?",
        "Tell me the {cols} of the {things}.",
        "Please get the {cols} for all the {things}.",
    ),
    "dpo": (
        "Print the {cols} of the {things}.",
        "Fetch the {cols} for every one of the {things}.",
        "I want to see {things}, just the {cols}.",
        "Could I have the {cols} of the {things}?",
        "Look up the {cols} of {things}.",
    ),
    "dev": (
        "Could you pull up the {cols} of {things}?",
        "Name the {cols} we have for {things}.",
        "We need the {cols} for the {things}.",
    ),
    "test": (
        "Can you tell me the {cols} of the {things}?",
        "Display the {cols} for all {things}.",
        "I'm looking for the {cols} of {things}.",
        "My boss wants the {cols} of the {things}.",
        "{things} please, only the {cols}",
    ),
}
NAMES = {  # the names are what is asked for, though nobody says so
    "sft": (
        "Which {things} do we have?",
        "Name the {things}.",
        "What {things} are there?",
        "List the names of the {things}.",
        "Show me the names of {things}.",
        "Which ones are the {things}?",
        "Tell me which {things} there are.",
        "Give the names of all {things}.",
        "{things}, by name",
        "What are the {things} called?",
    ),
    "dpo": ("Print the names of the {things}.", "Which are the {things}?", "Could you name the {things}?"),
    "dev": ("Which {things} can you find?", "We need the {things} by name."),
    "test": (
        "Do you know which {things} we have?",
        "What are the names of the {things}?",
        "I'd like the {things} by name.",
        "Which would be the {things}?",
    ),
}
EVERYTHING = {  # SELECT *
    "sft": (
        "Show everything about the {things}.",
        "Give me all the information on the {things}.",
        "List all columns of the {things}.",
        "Show all details of {things}.",
        "What do we know about the {things}? Everything, please.",
        "Show the complete rows of {things}.",
        "Return every field of the {things}.",
        "I need all data on {things}.",
    ),
    "dpo": ("Print all fields of the {things}.", "Fetch everything there is on {things}.", "All details on {things}."),
    "dev": ("Pull up the full records of {things}.", "We need every column for the {things}."),
    "test": (
        "Can I see the full rows for the {things}?",
        "Display all the details we hold on {things}.",
        "I want everything you have on the {things}.",
    ),
}
DISTINCT = {
    "sft": (
        "What different {cols} do the {things} have?",
        "List each {col} of the {things} once.",
        "Show the distinct {cols} of {things}.",
        "Which {cols} occur among the {things}?",
        "What are the different {cols} of {things}?",
        "Give every {col} of {things} only once.",
        "List all different {cols} of the {things}.",
        "Show all {cols} of {things} without duplicates.",
        "Which different {cols} are there among {things}?",
        "unique {cols} of {things}",
    ),
    "dpo": (
        "Print every {col} found among {things}, without repeats.",
        "I want the unique {cols} for {things}.",
        "Collect the {cols} of {things}, each just once.",
    ),
    "dev": ("Name all the different {cols} of {things}.", "Without duplicates, what are the {cols} of {things}?"),
    "test": (
        "Which {cols} come up for {things}? No repeats, please.",
        "What kinds of {col} do we see among {things}, each only once?",
        "Can you tell me every separate {col} of the {things}?",
        "{things}: their distinct {cols}",
    ),
}
ORDER = {  # {order}: of DIRECTION
    "sft": (
        "List the {cols} of all {things}, {order}.",
        "Show the {cols} of the {things}, {order}.",
        "Give me the {cols} of the {things}, {order}.",
        "What are the {cols} of the {things}, {order}?",
        "Show all {things} {order}, with their {cols}.",
        "I need the {cols} of the {things}, {order}.",
        "Return the {cols} of {things} {order}.",
        "Put the {things} in order, {order}, and show the {cols}.",
        "{cols} of {things}, {order}",
        "Can you list the {cols} of the {things}, {order}?",
    ),
    "dpo": (
        "Print the {cols} of the {things}, {order}.",
        "Arrange the {things} {order} and print the {cols}.",
        "I want the {cols} of all {things}, {order}.",
    ),
    "dev": ("Name the {cols} of all {things}, {order}.", "We need the {cols} of the {things}, {order}."),
    "test": (
        "Can I have the {cols} of our {things}, {order}?",
        "Display the {cols} of the {things}, {order}.",
        "Rank the {things} {order}; show only the {cols}.",
        "{things} {order}: the {cols}, please",
    ),
}
DIRECTION = {  # by the kind of what is sorted by
    "number": {
        "sft": {
            "DESC": ("sorted by {col}, highest first", "ordered by {col} from high to low", "by descending {col}"),
            "ASC": ("sorted by {col}, lowest first", "ordered by {col} from low to high", "by ascending {col}"),
        },
        "dpo": {"DESC": ("largest {col} first",), "ASC": ("smallest {col} first",)},
        "dev": {"DESC": ("starting with the highest {col}",), "ASC": ("starting with the lowest {col}",)},
        "test": {
            "DESC": ("in descending order of {col}", "from the highest {col} down"),
            "ASC": ("in ascending order of {col}", "from the lowest {col} up"),
        },
    },
    "text": {
        "sft": {
            "DESC": ("sorted by {col} from Z to A", "in reverse alphabetical order of {col}"),
            "ASC": ("sorted by {col}", "in alphabetical order of {col}", "sorted by {col} from A to Z"),
        },
        "dpo": {"DESC": ("backwards by {col}, Z first",), "ASC": ("alphabetically by {col}",)},
        "dev": {
            "DESC": ("arranged by {col}, last letter of the alphabet first",),
            "ASC": ("arranged by {col}, A first",),
        },
        "test": {
            "DESC": ("in reverse order of {col}, Z to A", "with the {col} going from Z back to A"),
            "ASC": ("in alphabetical order by {col}", "with the {col} going from A to Z"),
        },
    },
    "date": {
        "sft": {
            "DESC": ("sorted by {col}, latest first", "ordered by {col}, newest first", "most recent {col} first"),
            "ASC": ("sorted by {col}, earliest first", "ordered by {col}, oldest first", "in order of {col}"),
        },
        "dpo": {"DESC": ("latest {col} on top",), "ASC": ("earliest {col} on top",)},
        "dev": {"DESC": ("starting with the latest {col}",), "ASC": ("starting with the earliest {col}",)},
        "test": {
            "DESC": ("from the latest {col} back to the earliest", "by {col}, most recent on top"),
            "ASC": ("from the earliest {col} to the latest", "chronologically by {col}"),
        },
    },
}
TOP = {  # {most}: "highest" or "lowest"
    "sft": (
        "Which {k} {things} have the {most} {col}? Show the {cols}.",
        "Show the {cols} of the {k} {things} with the {most} {col}.",
        "List the {cols} of the {k} {things} that have the {most} {col}.",
        "What are the {cols} of the {k} {things} with the {most} {col}?",
        "Give me the {k} {things} with the {most} {col}: {cols}.",
        "I need the {cols} of the {k} {things} with the {most} {col}.",
        "Find the {k} {things} with the {most} {col} and return the {cols}.",
        "top {k} {things} with the {most} {col}, {cols}",
        "By {col}, which are the {k} {most} {things}? Give the {cols}.",
    ),
    "dpo": (
        "Print the {cols} for the {k} {things} having the {most} {col}.",
        "Pick the {k} {things} with the {most} {col} and print the {cols}.",
        "The {k} {things} of {most} {col}: fetch the {cols}.",
    ),
    "dev": (
        "Name the {cols} of the {k} {things} whose {col} is {most}.",
        "Pull up the {k} {things} at the {most} {col} with the {cols}.",
    ),
    "test": (
        "Take the {k} {things} with the {most} {col}. What are their {cols}?",
        "Can you tell me the {cols} of the {k} {things} with the {most} {col}?",
        "Out of the {things}, which {k} show the {most} {col}? Only the {cols}.",
        "{k} {things}, {most} {col}, just the {cols}",
    ),
}
TOP_ONE = {  # {thing}: a singular with its conditions after it; {cond} may be empty
    "sft": (
        "Which {thing} {cond} has the {most} {col}? Show the {cols}.",
        "What is the {cols} of the {thing} {cond} with the {most} {col}?",
        "Show the {cols} of the {thing} {cond} with the {most} {col}.",
        "Find the {thing} {cond} with the {most} {col}; give the {cols}.",
        "Give me the {cols} of the {thing} {cond} that has the {most} {col}.",
        "Which one is the {thing} {cond} with the {most} {col}? Give the {cols}.",
        "the {thing} {cond} with the {most} {col}: {cols}",
        "I need the {cols} of the one {thing} {cond} that has the {most} {col}.",
    ),
    "dpo": (
        "Print the {cols} of the {thing} {cond} having the {most} {col}.",
        "Which {thing} {cond} leads with the {most} {col}? Fetch the {cols}.",
    ),
    "dev": (
        "Name the {cols} of the {thing} {cond} whose {col} is {most}.",
        "Pull up the {thing} {cond} at the {most} {col}, with the {cols}.",
    ),
    "test": (
        "Can you tell me the {cols} of the {thing} {cond} with the {most} {col}?",
        "For which {thing} {cond} is the {col} {most}? Only the {cols}, please.",
        "Of the {things}, show the {cols} of the one with the {most} {col}.",
    ),
}
SUPERLATIVE = {  # {best}: "oldest"
    "sft": (
        "Which is the {best} {thing} {cond}? Show the {cols}.",
        "What is the {cols} of the {best} {thing} {cond}?",
        "Show the {cols} of the {best} {thing} {cond}.",
        "Find the {best} {thing} {cond} and give the {cols}.",
        "Give me the {cols} of the {best} {thing} {cond}.",
        "the {best} {thing} {cond}, {cols}",
        "Tell me the {cols} of the {best} {thing} {cond}.",
        "I need the {cols} of our {best} {thing} {cond}.",
    ),
    "dpo": ("Print the {cols} of the {best} {thing} {cond}.", "Fetch the {best} {thing} {cond}: just the {cols}."),
    "dev": ("Name the {cols} of the {best} {thing} {cond}.", "Which {thing} {cond} is the {best}? We need the {cols}."),
    "test": (
        "Can you tell me the {cols} of the {best} {thing} {cond}?",
        "What's our {best} {thing} {cond}? The {cols} will do.",
        "Of the {things}, which one is the {best}? Only the {cols}.",
    ),
}
MOST = {
    "sft": {"DESC": ("highest", "largest"), "ASC": ("lowest", "smallest")},
    "dpo": {"DESC": ("highest", "top"), "ASC": ("lowest",)},
    "dev": {"DESC": ("greatest",), "ASC": ("lowest",)},
    "test": {"DESC": ("highest", "biggest"), "ASC": ("lowest", "smallest")},
    "date": {"DESC": ("latest", "most recent"), "ASC": ("earliest",)},
}

# --- numbers ------------------------------------------------------------------------------------------

COUNT = {
    "sft": (
        "How many {things} are there?",
        "Count the {things}.",
        "How many {things} do we have?",
        "What is the number of {things}?",
        "Give me the number of {things}.",
        "number of {things}",
        "How many of our {things} are there in all?",
        "Tell me how many {things} there are.",
        "Find the number of {things}.",
        "I want to know how many {things} we have.",
        "Can you count the {things}?",
        "{things}: how many?",
    ),
    "dpo": ("Count up the {things}.", "How many {things} exist?", "I would like a count of the {things}."),
    "dev": ("What is the tally of {things}?", "How many {things} can you find?", "How large is the set of {things}?"),
    "test": (
        "How many {things} do you have in there?",
        "What's the total number of {things}?",
        "Can you tell me how many {things} we've got?",
        "{things}: how many in total?",
    ),
}
AGGREGATE = {
    "sft": (
        "What is the {agg} {col} of the {things}?",
        "Find the {agg} {col} of {things}.",
        "Show the {agg} {col} of all {things}.",
        "Compute the {agg} {col} for {things}.",
        "For {things}, what is the {agg} {col}?",
        "Give me the {agg} {col} across {things}.",
        "{agg} {col} of {things}",
        "I need the {agg} {col} of the {things}.",
        "Tell me the {agg} {col} of {things}.",
        "What {agg} {col} do the {things} have?",
        "Calculate the {agg} {col} for all {things}.",
    ),
    "dpo": (
        "I want to know the {agg} {col} over the {things}.",
        "Report the {agg} {col} among {things}.",
        "Work out the {agg} {col} of {things}.",
    ),
    "dev": ("Taking all {things}, what {agg} {col} do we get?", "Name the {agg} {col} of {things}."),
    "test": (
        "Can you work out the {agg} {col} for the {things}?",
        "Looking at {things}, what's the {agg} {col}?",
        "What would be the {agg} {col} of our {things}?",
        "{things}: what is their {agg} {col}?",
    ),
}
AGG_WORDS = {
    "sft": {
        "AVG": ("average", "mean"),
        "SUM": ("total", "combined"),
        "MAX": ("highest", "maximum"),
        "MIN": ("lowest", "minimum"),
    },
    "dpo": {"AVG": ("average",), "SUM": ("total",), "MAX": ("largest",), "MIN": ("smallest",)},
    "dev": {"AVG": ("mean",), "SUM": ("total",), "MAX": ("greatest",), "MIN": ("lowest",)},
    "test": {
        "AVG": ("average", "mean"),
        "SUM": ("total", "overall"),
        "MAX": ("highest", "biggest"),
        "MIN": ("lowest", "smallest"),
    },
}
SEVERAL = {  # {metrics}: "average price and the highest price"
    "sft": (
        "What are the {metrics} of the {things}?",
        "Show the {metrics} of {things}.",
        "Find the {metrics} of all {things}.",
        "Give me the {metrics} of the {things}.",
        "For {things}, what are the {metrics}?",
        "Compute the {metrics} for {things}.",
        "I need the {metrics} of {things}, in one row.",
        "{metrics} of {things}",
        "Return the {metrics} for all {things}.",
    ),
    "dpo": ("Report the {metrics} among {things}.", "Print side by side the {metrics} of {things}."),
    "dev": ("Name the {metrics} of {things}.", "Taking all {things}, what {metrics} do we get?"),
    "test": (
        "Can you work out the {metrics} for the {things}?",
        "Looking at {things}, what are the {metrics}?",
        "{things}: what are their {metrics}?",
    ),
}
COUNT_DISTINCT = {
    "sft": (
        "How many different {cols} do the {things} have?",
        "How many distinct {cols} are there among {things}?",
        "Count the different {cols} of {things}.",
        "What is the number of different {cols} of the {things}?",
        "How many {cols} occur among the {things}, each counted once?",
        "number of distinct {cols} of {things}",
        "Give the number of unique {cols} of {things}.",
        "Tell me how many different {cols} the {things} have.",
        "In how many different {cols} do {things} come?",
    ),
    "dpo": ("Count every {col} among {things} just once: how many?", "How many unique {cols} do {things} have?"),
    "dev": ("Among {things}, how many {cols} are there that differ?", "How large is the set of {cols} of {things}?"),
    "test": (
        "How many separate {cols} do we see among {things}?",
        "Without counting any twice, how many {cols} do the {things} have?",
        "Can you tell me how many different {cols} there are across {things}?",
    ),
}
ARITHMETIC = {  # {sum}: "difference between list price and sale price"
    "sft": (
        "For the {things}, show the {cols} and the {sum}.",
        "Show the {cols} of {things} with the {sum}.",
        "List the {cols} and the {sum} of the {things}.",
        "What is the {sum} for each of the {things}? Show the {cols} too.",
        "Give the {cols} of all {things} and the {sum}.",
        "Compute the {sum} of the {things}, with the {cols}.",
        "{cols} and {sum} of {things}",
        "I need the {cols} of {things} and beside it the {sum}.",
    ),
    "dpo": ("Print the {cols} of {things} next to the {sum}.", "Work out the {sum} for {things} and add the {cols}."),
    "dev": ("Name the {cols} of {things} along with the {sum}.", "We need the {sum} for the {things}, and the {cols}."),
    "test": (
        "Can you give me the {cols} of the {things} together with the {sum}?",
        "For each of the {things} I'd like the {cols} as well as the {sum}.",
        "Display {things} by {cols}, each with its {sum}.",
    ),
}
SUMS = {
    "-": {
        "sft": ("difference between {a} and {b}", "{a} minus the {b}"),
        "dpo": ("{a} less the {b}",),
        "dev": ("{a} with the {b} taken off",),
        "test": ("gap between {a} and {b}", "{a} after subtracting the {b}"),
    },
    "+": {
        "sft": ("sum of {a} and {b}", "{a} plus the {b}"),
        "dpo": ("{a} together with the {b}, added up",),
        "dev": ("{a} and {b} added together",),
        "test": ("total of {a} and {b}", "{a} and {b} put together as one number"),
    },
    "*": {
        "sft": ("{a} times the {b}", "product of {a} and {b}"),
        "dpo": ("{a} multiplied with the {b}",),
        "dev": ("result of {a} times {b}",),
        "test": ("{a} multiplied by the {b}", "value that {a} times {b} gives"),
    },
}
CASE = {  # {a} {b}: two labels, {phrase}: a condition
    "sft": (
        "List the {cols} of the {things} and write '{a}' for those {phrase}, otherwise '{b}'.",
        "Show the {cols} of all {things} with the label '{a}' for those {phrase} and '{b}' for the rest.",
        "For the {things}, give the {cols} and '{a}' or '{b}': '{a}' goes to those {phrase}.",
        "Mark the {things} {phrase} as '{a}' and all others as '{b}'; show the {cols} and the mark.",
        "Give me the {cols} of the {things}, and beside it '{a}' for those {phrase}, else '{b}'.",
        "Label the {things}: '{a}' for those {phrase}, '{b}' for the others. Show {cols} and label.",
        "{cols} of {things} plus a label: '{a}' for those {phrase}, otherwise '{b}'",
        "Classify the {things} as '{a}' (those {phrase}) or '{b}' (the others), with the {cols}.",
    ),
    "dpo": (
        "Print the {cols} of the {things} and tag those {phrase} '{a}', the remaining ones '{b}'.",
        "Sort the {things} into '{a}', meaning those {phrase}, and '{b}'; print the {cols} with it.",
    ),
    "dev": (
        "Name the {cols} of all {things}, with '{a}' where they are among those {phrase}, and '{b}' elsewhere.",
        "We call the {things} {phrase} '{a}' and the rest '{b}': show the {cols} with that word.",
    ),
    "test": (
        "Can you show the {cols} of the {things} with a flag saying '{a}' for those {phrase} and '{b}' for any other?",
        "Split the {things} in two, '{a}' for those {phrase} and '{b}' for all else; I need the {cols} and the word.",
        "The {cols} of the {things}, each followed by '{a}' if it is one of those {phrase}, or by '{b}' if not.",
    ),
}

# --- groups -------------------------------------------------------------------------------------------

GROUP = {  # {metric}: "number of books" or "average price of the books"
    "sft": (
        "For each {group}, show the {metric}.",
        "What is the {metric} per {group}?",
        "List every {group} with the {metric}.",
        "Show the {metric} for every {group}.",
        "Give the {metric} by {group}.",
        "Find the {metric} of each {group}.",
        "Show each {group} and the {metric}.",
        "{metric} by {group}",
        "What is the {metric} for each {group}?",
        "I need the {metric} for each {group}.",
        "Group by {group}: what is the {metric}?",
        "Tell me each {group} and its {metric}.",
    ),
    "dpo": (
        "Break the {metric} down by {group}.",
        "Print each {group} next to the {metric}.",
        "Separately for each {group}, the {metric}.",
    ),
    "dev": ("Grouped by {group}, what is the {metric}?", "Name every {group} and the {metric} it has."),
    "test": (
        "Can you split the {metric} by {group}?",
        "How does the {metric} look for each {group}?",
        "Make a table of every {group} with the {metric}.",
        "Per {group}, what would be the {metric}?",
    ),
}
GROUP_ORDER = {  # what is added to a question about groups
    "sft": {
        "DESC": ("Highest first.", "Sort that from high to low.", "Put the largest on top.", "Start with the highest."),
        "ASC": ("Lowest first.", "Sort that from low to high.", "Put the smallest on top.", "Start with the lowest."),
    },
    "dpo": {"DESC": ("Largest first, please.",), "ASC": ("Smallest first, please.",)},
    "dev": {"DESC": ("The greatest should come first.",), "ASC": ("The least should come first.",)},
    "test": {
        "DESC": ("Descending, please.", "The biggest one belongs at the top."),
        "ASC": ("Ascending, please.", "The smallest one belongs at the top."),
    },
}
HOW_MANY = {  # a count per group
    "sft": (
        "How many {things} are there for each {group}?",
        "How many {things} does each {group} have?",
        "Count the {things} per {group}.",
        "How many {things} are there per {group}?",
        "For each {group}, how many {things} are there?",
        "Count {things} by {group}.",
        "Show each {group} and how many {things} it has.",
        "{things} per {group}: how many?",
    ),
    "dpo": ("How many {things} fall under each {group}?", "Count the {things} separately for each {group}."),
    "dev": ("What is the tally of {things} for each {group}?", "Every {group}, and how many {things} go with it?"),
    "test": (
        "Can you tell me how many {things} we have in each {group}?",
        "What's the split of {things} by {group}, in numbers?",
        "How many {things} come with each {group}?",
    ),
}
HAVING = {  # {bound}: "more than 3"
    "sft": (
        "Which {groups} have {bound} {things}?",
        "List each {group} with {bound} {things}.",
        "Show every {group} that has {bound} {things}.",
        "Find the {groups} with {bound} {things}.",
        "For which {groups} are there {bound} {things}?",
        "What {groups} have {bound} {things}?",
        "{groups} with {bound} {things}",
        "Give me the {groups} that have {bound} {things}.",
        "Tell me which {groups} have {bound} {things}.",
    ),
    "dpo": ("Return each {group} shared by {bound} {things}.", "Print the {groups} that count {bound} {things}."),
    "dev": ("What {groups} occur on {bound} {things}?", "Name every {group} that goes with {bound} {things}."),
    "test": (
        "Can you tell me the {groups} that come up for {bound} {things}?",
        "I only care about {groups} with {bound} {things}: which are they?",
        "Which {groups} show up on {bound} {things}?",
    ),
}
HAVING_METRIC = {  # {metric}: "total price of the books"; {bound}: "above 30"
    "sft": (
        "Which {groups} have {a_metric} {bound}?",
        "List each {group} whose {metric} is {bound}.",
        "Show every {group} where the {metric} is {bound}.",
        "Find the {groups} with {a_metric} {bound}.",
        "For which {groups} is the {metric} {bound}?",
        "What {groups} have {a_metric} {bound}?",
        "{groups} with {a_metric} {bound}",
        "Give me the {groups} whose {metric} is {bound}.",
    ),
    "dpo": (
        "Return each {group} for which the {metric} is {bound}.",
        "Print the {groups} where the {metric} comes out {bound}.",
    ),
    "dev": ("Name every {group} at which the {metric} is {bound}.", "What {groups} reach {a_metric} {bound}?"),
    "test": (
        "Can you tell me the {groups} for which the {metric} turns out {bound}?",
        "In which {groups} do we see {a_metric} {bound}?",
        "I only want {groups} if the {metric} is {bound}: which are they?",
    ),
}
BOUNDS = {
    ">": {
        "sft": ("more than {k}", "over {k}"),
        "dpo": ("upwards of {k}, so more than {k},",),
        "dev": ("above {k}",),
        "test": ("more than {k}",),
    },
    "<": {
        "sft": ("fewer than {k}", "less than {k}"),
        "dpo": ("under {k}",),
        "dev": ("below {k}",),
        "test": ("fewer than {k}",),
    },
    ">=": {
        "sft": ("at least {k}", "{k} or more"),
        "dpo": ("no fewer than {k}",),
        "dev": ("{k} or above",),
        "test": ("at least {k}",),
    },
    "=": {"sft": ("exactly {k}",), "dpo": ("just {k}",), "dev": ("precisely {k}",), "test": ("exactly {k}",)},
}
SIDES = {
    ">": {
        "sft": ("above {v}", "over {v}", "of more than {v}"),
        "dpo": ("beyond {v}",),
        "dev": ("higher than {v}",),
        "test": ("above {v}", "larger than {v}"),
    },
    "<": {
        "sft": ("below {v}", "under {v}", "of less than {v}"),
        "dpo": ("short of {v}",),
        "dev": ("lower than {v}",),
        "test": ("below {v}", "smaller than {v}"),
    },
}
COMMON = {  # the most frequent value
    "sft": (
        "What is the most common {col} of the {things}?",
        "Which {col} is the most common among {things}?",
        "Find the most frequent {col} of {things}.",
        "Which {col} do most of the {things} have?",
        "Show the {col} that the largest number of {things} have.",
        "Which {col} occurs most often among {things}?",
        "most common {col} of {things}",
        "Give the {col} with the most {things}.",
        "Which {col} has the most {things}?",
    ),
    "dpo": ("Print the {col} shared by the most {things}.", "What {col} leads in number of {things}?"),
    "dev": (
        "Name the {col} that comes up most for {things}.",
        "What is the usual, that is most frequent, {col} of {things}?",
    ),
    "test": (
        "Which {col} turns up most often for {things}?",
        "Can you tell me the {col} that is most widespread among {things}?",
        "What {col} do we see the most with {things}?",
    ),
}
PERIOD = {  # {period}: year or month
    "sft": (
        "What is the {metric} per {period} of the {col}?",
        "Show the {metric} for each {period} of the {col}.",
        "For every {period} of the {col}, give the {metric}.",
        "List the {metric} by {period} of {col}.",
        "Give me the {metric} for every {period}, going by the {col}.",
        "{metric} per {period} ({col})",
        "I need the {metric} per {period}; the {col} counts.",
        "By {period} of the {col}, what is the {metric}?",
        "How does the {metric} develop by {period} of {col}?",
    ),
    "dpo": (
        "Break the {metric} down by {period} of the {col}.",
        "Print the {metric} {period} by {period}, judged by {col}.",
    ),
    "dev": (
        "Grouped by the {period} of the {col}, what is the {metric}?",
        "Name the {metric} of each {period}, by {col}.",
    ),
    "test": (
        "Can you give me the {metric} {period} by {period}, based on the {col}?",
        "What was the {metric} in each {period}? Use the {col}.",
        "Split the {metric} by the {period} in which the {col} lies.",
    ),
}

# --- several tables -----------------------------------------------------------------------------------

WITH_PARENT = {  # children with a column of their parent: {pcols}
    "sft": (
        "List the {cols} of the {things} with the {pcols} of their {parent}.",
        "Show each of the {things} by {cols}, and the {pcols} of its {parent}.",
        "For all {things}, show the {cols} and the {pcols} of the {parent}.",
        "What are the {cols} of the {things} and the {pcols} of the {parent} of each?",
        "Give me the {cols} of {things} together with the {pcols} of the {parent}.",
        "Find the {cols} of {things} and the {pcols} of their {parent}.",
        "{cols} of {things} and {pcols} of the {parent}",
        "I need the {things}: their {cols} and the {parent}'s {pcols}.",
    ),
    "dpo": (
        "Print the {cols} of {things} next to the {pcols} of the {parent} they have.",
        "Pair the {cols} of the {things} with the {pcols} of the {parent} that each has.",
    ),
    "dev": (
        "Name the {cols} of {things}, plus the {parent}'s {pcols} for each.",
        "We need {things} by {cols}, with {pcols} of the {parent}.",
    ),
    "test": (
        "Can you show me the {cols} of the {things} along with the {pcols} of the {parent}?",
        "Which {pcols} does the {parent} of each of the {things} have? Show the {cols} of the {things} first.",
        "Display {things} with {cols}, and add the {parent}'s {pcols}.",
    ),
}
PARENT_OF = {  # the parent of one row that is called by its name
    "sft": (
        "What is the {cols} of the {parent} of {v}?",
        "Which {parent} does {v} belong to? Give the {cols}.",
        "Show the {cols} of the {parent} of the {thing} {v}.",
        "Give me the {cols} of the {parent} that belongs to the {thing} {v}.",
        "Find the {parent} of {v}: its {cols}.",
        "For the {thing} {v}, what is the {cols} of the {parent}?",
        "{cols} of the {parent} of {v}",
        "I need the {cols} of the {parent} for the {thing} '{v}'.",
    ),
    "dpo": (
        "Print the {cols} of the {parent} behind the {thing} {v}.",
        "Whose {thing} is {v}? Print the {cols} of the {parent}.",
    ),
    "dev": (
        "Name the {cols} of the {parent} that goes with {v}.",
        "We have a {thing} called {v}: what is the {cols} of the {parent}?",
    ),
    "test": (
        "Can you tell me the {cols} of the {parent} that {v} has?",
        "Whose is the {thing} {v}? Only the {cols} of that {parent}.",
        "Look for the {thing} {v} and tell me the {cols} of its {parent}.",
    ),
}
PER_PARENT = {  # the number of children, or an aggregate over them, of each parent: {metric}
    "sft": (
        "Show the {cols} of each {parent} and the {metric}.",
        "For each {parent}, give the {cols} and the {metric}.",
        "List the {cols} of every {parent} with the {metric}.",
        "What is the {metric} of each {parent}? Show the {cols}.",
        "Give me every {parent} ({cols}) and the {metric}.",
        "Find the {metric} per {parent}; show the {cols}.",
        "{metric} for each {parent}, by {cols}",
        "I need the {cols} of each {parent} together with the {metric}.",
    ),
    "dpo": (
        "Print for every {parent} the {cols} and the {metric}.",
        "Break the {metric} down by {parent}, showing the {cols}.",
    ),
    "dev": (
        "Name the {cols} of every {parent}, and the {metric} it has.",
        "What {metric} does each {parent} have? With the {cols}, please.",
    ),
    "test": (
        "Can you list the {cols} of each {parent} along with the {metric}?",
        "Make a table: {cols} of the {parent}, {metric}.",
        "By {parent}, what would be the {metric}? I need the {cols} to go with it.",
    ),
}
HOW_MANY_EACH = {
    "sft": (
        "How many {things} does each {parent} have? Show the {cols}.",
        "Show the {cols} of each {parent} and how many {things} it has.",
        "Count the {things} of each {parent}; show the {cols}.",
        "For each {parent}, how many {things} are there? Give the {cols}.",
        "List each {parent} by {cols} with the number of its {things}.",
        "What is the number of {things} for each {parent}? Include the {cols}.",
        "number of {things} per {parent}, with the {cols}",
        "Give the {cols} and the number of {things} of each {parent}.",
    ),
    "dpo": (
        "Print the {cols} of every {parent} with a count of its {things}.",
        "How many {things} go to each {parent}? By {cols}.",
    ),
    "dev": (
        "Name the {cols} of each {parent} and the tally of its {things}.",
        "Each {parent} has how many {things}? With {cols}.",
    ),
    "test": (
        "Can you tell me how many {things} there are for each {parent}? I need the {cols}.",
        "Which {parent} has how many {things}? List the {cols} and the number.",
        "Count up the {things} for every {parent} and put the {cols} beside it.",
    ),
}
WITH_ZERO = {  # what is added so that parents without children are not left out; {things}: the children's noun
    "sft": (
        "Include those without any {things}, with 0.",
        "Show 0 where there are none.",
        "Also list those that have no {things}.",
        "Those without {things} count as 0.",
        "Keep the ones with no {things} in the list.",
        "Nobody should be left out, even with 0 {things}.",
        "Zeros too.",
        "Do not forget those with no {things}.",
    ),
    "dpo": ("Those with zero {things} must show up, too.", "Put 0 for the ones that have none."),
    "dev": ("Even those with not a single one should appear.", "Where there are no {things}, say 0."),
    "test": (
        "I want to see the ones with 0 {things} as well.",
        "Don't drop any that have no {things}.",
        "If there are no {things}, it should say 0.",
    ),
}
WITHOUT = {  # parents without children, after a plural; {did}: "placed"
    "sft": (
        "without any {things}",
        "with no {things}",
        "that have no {things}",
        "that do not have any {things}",
        "that have never {did} any {things}",
        "that never {did} {things}",
        "who have not {did} any {things}",
        "for which there are no {things}",
        "that have not {did} a single one of the {things}",
        "lacking any {things}",
    ),
    "dpo": ("having no {things} at all", "that have yet to have {things} {did}", "for which we find no {things}"),
    "dev": ("with not a single one of the {things}", "to which no {things} belong"),
    "test": (
        "with zero {things}",
        "that do not have a single one of the {things}",
        "which have no {things} to their name",
        "where {things} are entirely missing",
    ),
}
SOME = {  # parents with at least one child
    "sft": (
        "that have {things}",
        "with at least one of the {things}",
        "that have {did} {things}",
        "who have {did} {things}",
        "with {things}",
        "that have at least one of the {things}",
        "for which there are {things}",
        "that have any {things}",
    ),
    "dpo": ("having some {things}", "for which we find {things}"),
    "dev": ("to which {things} belong", "that can show {things}"),
    "test": ("which have {things} to their name", "that do have {things}", "where there are {things}"),
}
MOST_CHILDREN = {  # the parent with the most children; {did}
    "sft": (
        "Which {parent} has the most {things}? Show the {cols}.",
        "Which {parent} has {did} the most {things}? Give the {cols}.",
        "What is the {cols} of the {parent} with the most {things}?",
        "Show the {cols} of the {parent} with the most {things}.",
        "Which one is the {parent} with the most {things}? Give the {cols}.",
        "Find the {parent} that has the largest number of {things}; return the {cols}.",
        "{cols} of the {parent} with the most {things}",
        "Give me the {cols} of the {parent} that {did} the most {things}.",
        "Which {parent} has the highest number of {things}? I need the {cols}.",
    ),
    "dpo": (
        "Print the {cols} of the {parent} that counts the most {things}.",
        "What {parent} leads in number of {things}? By {cols}.",
    ),
    "dev": (
        "Name the {cols} of the {parent} with the greatest number of {things}.",
        "Nobody has more {things} than which {parent}? The {cols}.",
    ),
    "test": (
        "Can you tell me the {cols} of the {parent} with more {things} than any other?",
        "Which {parent} comes first by number of {things}? Only the {cols}.",
        "By {cols}, what's the {parent} with the most {things} of all?",
    ),
}
MOST_K = {  # the parents with the most children, {k} of them
    "sft": (
        "Which {k} {parents} have the most {things}? Show the {cols}.",
        "Show the {cols} of the {k} {parents} with the most {things}.",
        "List the {cols} of the top {k} {parents} by number of {things}.",
        "What are the {cols} of the {k} {parents} with the most {things}?",
        "Give me the {k} {parents} that have the most {things}: {cols}.",
        "top {k} {parents} by number of {things}, {cols}",
        "Find the {k} {parents} with the largest number of {things}; return the {cols}.",
        "I need the {cols} of the {k} {parents} that have the highest number of {things}.",
    ),
    "dpo": (
        "Print the {cols} of the {k} {parents} counting the most {things}.",
        "What {k} {parents} lead by {things}? The {cols}.",
    ),
    "dev": (
        "Name the {cols} of the {k} {parents} with the greatest number of {things}.",
        "We need the {k} {parents} richest in {things}: the {cols}.",
    ),
    "test": (
        "Can you tell me the {cols} of the {k} {parents} with more {things} than the others?",
        "By number of {things}, which {k} {parents} come first? Only the {cols}.",
        "Rank the {parents} by how many {things} they have and keep the first {k}: the {cols}.",
    ),
}
ALSO_NUMBER = {  # what is added when the number is to be shown, too
    "sft": (
        "Show that number too.",
        "And how many are there?",
        "Include the number.",
        "Add how many that is.",
        "With the number of {things}, please.",
        "How many {things} is that?",
        "Give the number of {things} as well.",
        "I also need the number.",
    ),
    "dpo": ("Put the number beside it.", "Along with it, the count of {things}."),
    "dev": ("Say how many {things}, too.", "The tally should be shown as well."),
    "test": (
        "And what's the number of {things}?",
        "I'd like to see how many {things}, too.",
        "Next to it, the number of {things}.",
    ),
}
SELF_MOST = {  # who has the most rows below
    "sft": (
        "Which {role} has the most {things}? Show the {cols}.",
        "Who is the {role} of the most {things}? Give the {cols}.",
        "What is the {cols} of the {role} with the most {things}?",
        "Show the {cols} of the {role} with the most {things}.",
        "Find the {role} with the largest number of {things} below; return the {cols}.",
        "{cols} of the {role} of the most {things}",
        "Give me the {cols} of the {role} who has the highest number of {things}.",
        "I need the {cols} of the {role} to whom the most {things} belong.",
    ),
    "dpo": (
        "Print the {cols} of the {role} counting the most {things}.",
        "What {role} leads in number of {things}? By {cols}.",
    ),
    "dev": (
        "Name the {cols} of the {role} with the greatest number of {things}.",
        "Nobody is {role} of more {things} than who? The {cols}.",
    ),
    "test": (
        "Can you tell me the {cols} of the {role} with more {things} than any other?",
        "Who is {role} to the largest number of {things}? Only the {cols}.",
        "Among all that are a {role}, whose {things} are the most? The {cols}, please.",
    ),
}
MOST_TOTAL = {  # {metric}: "total amount of the payments"; {most}: highest or lowest
    "sft": (
        "Which {parent} has the {most} {metric}? Show the {cols}.",
        "What is the {cols} of the {parent} with the {most} {metric}?",
        "Show the {cols} of the {parent} with the {most} {metric}.",
        "Find the {parent} with the {most} {metric}; return the {cols}.",
        "{cols} of the {parent} with the {most} {metric}",
        "Give me the {cols} of the {parent} that has the {most} {metric}.",
        "For which {parent} is the {metric} {most}? Give the {cols}.",
        "I need the {cols} of the {parent} whose {metric} is {most}.",
    ),
    "dpo": (
        "Print the {cols} of the {parent} reaching the {most} {metric}.",
        "What {parent} stands at the {most} {metric}? By {cols}.",
    ),
    "dev": (
        "Name the {cols} of the {parent} that gets to the {most} {metric}.",
        "We look for the {parent} of the {most} {metric}: the {cols}.",
    ),
    "test": (
        "Can you tell me the {cols} of the {parent} where the {metric} is {most}?",
        "Which {parent} ends up with the {most} {metric}? Only the {cols}.",
        "Compare each {parent} by {metric}: what is the {cols} of the {most}?",
    ),
}
SELF_PAIR = {  # rows with the row above them in the same table; {role}: "manager"
    "sft": (
        "List the {cols} of each {thing} and the {cols} of the {role}.",
        "Show every {thing} with the {role}, both by {cols}.",
        "What are the {cols} of the {things} and of their {role}?",
        "For each {thing}, show the {cols} and the {cols} of the {role}.",
        "Who is the {role} of each {thing}? Show both {cols}.",
        "Give me the {cols} of all {things} beside the {cols} of their {role}.",
        "{things} and their {role}, by {cols}",
        "I need each {thing} together with its {role}: the two {cols}.",
    ),
    "dpo": ("Print each {thing} next to the {role}, by {cols}.", "Pair every {thing} with the {role}: both {cols}."),
    "dev": ("Name each {thing} and the {role} by {cols}.", "We need the {cols} of {things}, and of the {role} above."),
    "test": (
        "Can you list who the {role} of each {thing} is? The {cols} of both, please.",
        "Display the {things} by {cols}, each followed by the {cols} of the {role}.",
        "Which {thing} has which {role}? Both {cols}.",
    ),
}
WITH_ROLE = {  # what is added so that those at the top are left out
    "sft": (
        "Leave out those without a {role}.",
        "Only those that have a {role}.",
        "Skip the ones with no {role}.",
        "Those without a {role} need not be shown.",
        "Just those who do have one.",
        "Without a {role}, leave them out.",
        "Not the ones at the very top, who have none.",
        "Whoever has no {role} is of no interest.",
    ),
    "dpo": ("Drop those that have no {role}.", "Nobody without a {role}, please."),
    "dev": ("Those with no {role} can be omitted.", "We only need people with a {role}."),
    "test": (
        "If somebody has no {role}, don't list them.",
        "Ignore anyone without a {role}.",
        "I only want those with a {role}.",
    ),
}
SELF_MORE = {  # rows that beat the row above them
    "sft": (
        "Which {things} have a {word} {col} than their {role}? Show the {cols}.",
        "List the {cols} of the {things} whose {col} is {word} than that of their {role}.",
        "Show the {cols} of {things} with a {word} {col} than their {role}.",
        "Find the {things} with a {col} {word} than their {role}'s; give the {cols}.",
        "What are the {cols} of the {things} that have a {word} {col} than the {role}?",
        "{things} with a {word} {col} than their {role}, {cols} only",
        "Give me the {cols} of all {things} whose {col} is {word} than the {role}'s.",
        "Who among the {things} has a {word} {col} than the own {role}? The {cols}.",
    ),
    "dpo": (
        "Print the {cols} of {things} having a {word} {col} than the {role} has.",
        "Whose {col} is {word} than the {role}'s? Print the {cols} of these {things}.",
    ),
    "dev": (
        "Name the {cols} of {things} that come out {word} on {col} than the {role}.",
        "We look for {things} at a {word} {col} than the {role}: the {cols}.",
    ),
    "test": (
        "Can you tell me the {cols} of the {things} that have a {word} {col} than the {role} above them?",
        "Compare the {col} of the {things} with that of the {role}: for whom is it {word}? Only the {cols}.",
        "Are there {things} whose {role} is beaten by a {word} {col}? Show the {cols} of these {things}.",
    ),
}
SELF_UNDER = {  # who stands under one row, called by its name
    "sft": (
        "List the {cols} of the {things} whose {role} is {v}.",
        "Which {things} have {v} as {role}? Show the {cols}.",
        "Show the {cols} of all {things} {of} {v}.",
        "Who has {v} as {role}? Give the {cols}.",
        "What are the {cols} of the {things} {of} {v}?",
        "{things} with {v} as {role}, {cols}",
        "Find the {things} {of} {v} and give the {cols}.",
        "For whom is {v} the {role}? I need the {cols}.",
    ),
    "dpo": ("Print the {cols} of those {things} with {v} for {role}.", "Whose {role} is {v}? Print the {cols}."),
    "dev": (
        "Name the {cols} of the {things} under {v}, who is the {role}.",
        "{v} is the {role} of which {things}? The {cols}.",
    ),
    "test": (
        "Can you tell me the {cols} of the {things} that have {v} for a {role}?",
        "As {role}, whom does {v} look after? Only the {cols} of the {things}.",
        "Look for {v} and show me the {cols} of the {things} {of} that {role}.",
    ),
}
BOTH = {  # values that occur among {one} and among {other}: nouns with their conditions
    "sft": (
        "Which {cols} occur both among {one} and among {other}?",
        "List the {cols} that both {one} and {other} have.",
        "Find the {cols} shared by {one} and {other}.",
        "What {cols} do {one} and {other} have in common?",
        "Show the {cols} found among {one} as well as among {other}.",
        "{cols} of both {one} and {other}",
        "Which {cols} have both {one} and {other}?",
        "Give me the {cols} that appear for {one} and also for {other}.",
    ),
    "dpo": ("Print the {cols} common to {one} and {other}.", "Which {cols} turn up on both sides, {one} and {other}?"),
    "dev": ("Name the {cols} that {one} share with {other}.", "Where do the {cols} of {one} and {other} overlap?"),
    "test": (
        "Can you tell me the {cols} that come up for {one} and for {other} alike?",
        "I'm after {cols} for which there are {one} and there are {other}, too.",
        "Compare {one} with {other}: which {cols} are in both?",
    ),
}
BUT_NOT = {
    "sft": (
        "Which {cols} occur among {one} but not among {other}?",
        "List the {cols} that {one} have and {other} do not.",
        "Find the {cols} of {one} that no {other} have.",
        "What {cols} do {one} have that are not found among {other}?",
        "Show the {cols} of {one}, except those of {other}.",
        "{cols} of {one} but not of {other}",
        "Which {cols} have {one} but no {other}?",
        "Give me the {cols} that appear for {one} but never for {other}.",
    ),
    "dpo": (
        "Print the {cols} of {one} minus those of {other}.",
        "Which {cols} turn up for {one} only, and not for {other}?",
    ),
    "dev": (
        "Name the {cols} that {one} do not share with {other}.",
        "Leaving out what {other} have, which {cols} do {one} have?",
    ),
    "test": (
        "Can you tell me the {cols} that come up for {one} and are missing for {other}?",
        "I'm after {cols} for which there are {one} but there are no {other}.",
        "Compare {one} with {other}: which {cols} are only in the first?",
    ),
}
TOGETHER = {
    "sft": (
        "List the {cols} of {one} and of {other} in one list.",
        "Show all {cols} of {one} together with those of {other}, each once.",
        "Which {cols} occur among {one} or among {other}?",
        "Give me one list with the {cols} of {one} and the {cols} of {other}.",
        "All {cols} of {one} and {other}, without duplicates",
        "Combine the {cols} of {one} with those of {other}.",
        "Find the {cols} that {one} or {other} have.",
        "I need the {cols} of {one} plus those of {other}, no repeats.",
    ),
    "dpo": (
        "Print one list of {cols}: those of {one}, then those of {other}.",
        "Merge the {cols} of {one} and {other}.",
    ),
    "dev": (
        "Name the {cols} of {one} and of {other}, all in one column.",
        "Taken together, which {cols} do {one} and {other} have?",
    ),
    "test": (
        "Can you put the {cols} of {one} and of {other} into a single list?",
        "I'd like every {col} that comes up for {one} or for {other}, once each.",
        "One column, please: the {cols} of {one} and the {cols} of {other}.",
    ),
}

# --- requests to change data --------------------------------------------------------------------------

WRITE = {
    "sft": {
        "delete": (
            "Delete the {things} {cond}.",
            "Remove all {things} {cond}.",
            "Please delete every one of the {things} {cond}.",
            "Drop the {things} {cond}.",
        ),
        "change": (
            "Set the {col} to {v} for the {things} {cond}.",
            "Change the {col} of the {things} {cond} to {v}.",
            "Update the {col} of {things} {cond} to {v}.",
            "Edit the {col} of {things} {cond} to be {v}.",
        ),
        "add": (
            "Add {v} to the {things}.",
            "Insert {v} into the {things}.",
            "Save {v} to the {things}.",
        ),
    },
    "dpo": {
        "delete": ("Get rid of the {things} {cond}.",),
        "change": ("Make the {col} {v} for all {things} {cond}.",),
        "add": ("Put {v} among the {things} as a new entry.",),
    },
    "dev": {
        "delete": ("Erase every one of the {things} {cond}.",),
        "change": ("Overwrite the {col} of {things} {cond} with {v}.",),
        "add": ("Create an entry {v} in the {things}.",),
    },
    "test": {
        "delete": (
            "Wipe out the {things} {cond}.",
            "We no longer want any {things} {cond}; take them out.",
            "Purge {things} {cond}.",
        ),
        "change": (
            "From now on the {col} should be {v} for {things} {cond}; fix that.",
            "Adjust the {col} to {v} on the {things} {cond}.",
        ),
        "add": ("Register {v} with the other {things}.", "We have a new one, {v}: store it with the {things}."),
    },
}

# --- around a question --------------------------------------------------------------------------------

# What people say around a question; only the training splits use them, so that such words are not taken for columns.
BEFORE = {
    "sft": (
        "Hi,",
        "Quick question:",
        "For a report:",
        "Next:",
        "One more:",
        "Hello, I am new here.",
        "This is urgent.",
        "A colleague asks:",
        "For tomorrow's meeting:",
    ),
    "dpo": ("Good morning.", "Second question:", "For the newsletter:"),
}
AFTER = {
    "sft": ("Thank you.", "Nothing else.", "That is all I need.", "Keep it simple.", "It is for a slide.", "Cheers."),
    "dpo": ("Many thanks.", "No more than that.", "It is for a friend."),
}

# --- what the explanation says: the one voice of the template teacher ---------------------------------

EXPLAINED = {
    ">": "whose {col} is above {v}",
    "<": "whose {col} is below {v}",
    ">=": "whose {col} is at least {v}",
    "<=": "whose {col} is at most {v}",
    "= number": "whose {col} is {v}",
    "=": "whose {col} is {v}",
    "<>": "whose {col} is not {v}",
    "between": "whose {col} is between {v} and {w}",
    "null": "without a {col}",
    "not null": "whose {col} is not missing",
    "prefix": "whose {col} starts with {v}",
    "contains": "whose {col} contains {v}",
    "suffix": "whose {col} ends with {v}",
    "date >": "whose {col} is after {v}",
    "date <": "whose {col} is before {v}",
    "date >=": "whose {col} is on or after {v}",
    "date <=": "whose {col} is on or before {v}",
    "date between": "whose {col} is between {v} and {w}",
    "year": "whose {col} is in {v}",
    "month": "whose {col} is in {v}",
    "in": "whose {col} is {v}",
    "not in": "whose {col} is neither {v}",
    "column >": "whose {col} is above the {other}",
    "above": "whose {col} is {side} the average",
    "than": "whose {col} is {side} that of {name}",
}
