"""How questions are phrased: sentence frames and condition phrases, kept apart by split.

Every list belongs to one split; no phrase stands in two of them (tests/test_generate.py proves it).
Slots: {things}/{thing} the table's noun, {cols}/{col} column words, {cond} a condition phrase, {v} {w} values, {k} a
number of rows.
"""

LIST = {
    "sft": (
        "List the {cols} of the {things} {cond}.",
        "Which {things} are there {cond}? Give the {cols}.",
        "Show the {cols} for {things} {cond}.",
        "I need the {cols} of all {things} {cond}.",
        "Find {things} {cond} and return their {cols}.",
        "What are the {cols} of {things} {cond}?",
        "For {things} {cond}, show the {cols}.",
        "Give me the {cols} of every one of the {things} {cond}.",
        "Please list the {cols} of the {things} {cond}.",
        "What is the {cols} of each of the {things} {cond}?",
        "Let me see the {cols} of {things} {cond}.",
        "{things} {cond}: show me the {cols}.",
        "Only {things} {cond} matter here. What are the {cols}?",
        "Among the {things}, find those {cond} and list the {cols}.",
        "We are looking for {things} {cond}; list their {cols}.",
        "The {cols} of all {things} {cond}.",
        "Provide the {cols} for every one of the {things} {cond}.",
        "Get the {cols} of {things} {cond}.",
        "Retrieve the {cols} for all {things} {cond}.",
        "Return {cols} of each of the {things} {cond}.",
        "Select the {cols} from the {things} {cond}.",
        "Which {cols} do the {things} {cond} have?",
        "Look up the {cols} of {things} {cond}.",
        "All {things} {cond}: the {cols}.",
    ),
    "dpo": (
        "Please fetch the {cols} of those {things} {cond}.",
        "Print the {cols} belonging to {things} {cond}.",
        "Looking only at {things} {cond}, what are their {cols}?",
        "From the {things} {cond}, extract the {cols}.",
        "Which {cols} belong to {things} {cond}?",
        "Someone asked for {things} {cond}; the {cols} will do.",
        "{cols}, for {things} {cond}.",
    ),
    "dev": (
        "Could you pull up the {cols} of {things} {cond}?",
        "About {things} {cond}: tell me the {cols}.",
        "Name the {cols} we have for {things} {cond}.",
    ),
    "test": (
        "Can you tell me the {cols} of any {things} {cond}?",
        "My boss wants the {cols} of the {things} {cond}.",
        "Of all the {things}, take the ones {cond} and report the {cols}.",
        "Display the {cols} from the {things} {cond}.",
        "{things} {cond} - {cols} only, thanks.",
    ),
}

COUNT = {
    "sft": (
        "How many {things} are there {cond}?",
        "Count the {things} {cond}.",
        "What is the number of {things} {cond}?",
        "Tell me how many {things} we have {cond}.",
        "Give the number of {things} {cond}.",
        "How many {things} exist {cond}?",
        "How many of the {things} are there {cond}?",
        "Please count {things} {cond}.",
        "{things} {cond}: how many are there?",
        "How many {things} can you find {cond}?",
        "I need to know how many {things} there are {cond}.",
        "What count of {things} is there {cond}?",
        "The number of {things} {cond}.",
        "Find how many {things} there are {cond}.",
        "Return the count of {things} {cond}.",
        "Show the number of {things} {cond}.",
    ),
    "dpo": (
        "I would like a count of the {things} {cond}.",
        "Number of {things} {cond}, please.",
        "Count up all {things} {cond}.",
        "How many {things} would that be {cond}?",
        "Say how many {things} turn up {cond}.",
    ),
    "dev": ("What is the tally of {things} {cond}?", "How large is the set of {things} {cond}?"),
    "test": (
        "Out of everything, how many {things} do we see {cond}?",
        "Work out how many {things} can be found {cond}.",
        "{things} {cond}: how many in total?",
        "Just the headcount of {things} {cond}.",
    ),
}

AGGREGATE = {
    "sft": (
        "What is the {agg} {col} of the {things} {cond}?",
        "Find the {agg} {col} of {things} {cond}.",
        "Show the {agg} {col} for {things} {cond}.",
        "Compute the {agg} {col} of all {things} {cond}.",
        "For {things} {cond}, what is the {agg} {col}?",
        "Give the {agg} {col} across {things} {cond}.",
        "The {agg} {col} of {things} {cond}.",
        "What {agg} {col} do {things} {cond} have?",
        "Tell me the {agg} {col} of the {things} {cond}.",
        "I need the {agg} {col} for {things} {cond}.",
        "{things} {cond}: what is the {agg} {col}?",
        "How high is the {agg} {col} of {things} {cond}?",
        "Among {things} {cond}, what is the {agg} {col}?",
        "Get the {agg} {col} of {things} {cond}.",
        "Return the {agg} {col} of the {things} {cond}.",
        "Calculate the {agg} {col} of the {things} {cond}.",
    ),
    "dpo": (
        "I want to know the {agg} {col} over the {things} {cond}.",
        "Report the {agg} {col} among {things} {cond}.",
        "State the {agg} {col} of {things} {cond}.",
        "What comes out as the {agg} {col} of {things} {cond}?",
    ),
    "dev": ("Taking the {things} {cond}, what {agg} {col} do we get?", "{agg} {col} of {things} {cond}, please."),
    "test": (
        "Work out the {agg} {col} when you look at {things} {cond}.",
        "If I consider the {things} {cond}, what would the {agg} {col} be?",
        "Could you calculate the {agg} {col} for the {things} {cond}?",
        "{things} {cond}: their {agg} {col}?",
    ),
}

GROUP = {
    "sft": (
        "For each {group}, show the {metric}.",
        "What is the {metric} per {group}?",
        "List every {group} with the {metric}.",
        "Show the {metric} for every {group}.",
        "Give the {metric} by {group}.",
        "Find the {metric} of each {group}.",
        "Show each {group} and the {metric}.",
        "Count by {group}: the {metric}.",
        "By {group}, what is the {metric}?",
        "Tell me the {metric} for all {group} values.",
        "I need the {metric} for each {group}.",
        "The {metric} for each {group}.",
        "Every {group} with its {metric}.",
        "Group by {group} and return the {metric}.",
        "Return each {group} and its {metric}.",
        "Compute the {metric} per {group}.",
    ),
    "dpo": (
        "Break the {metric} down by {group}.",
        "I want each {group} together with the {metric}.",
        "Print the {metric} next to each {group}.",
        "Separately for each {group}: the {metric}.",
    ),
    "dev": ("Grouped by {group}, what is the {metric}?", "Tell me every {group} and the {metric} it has."),
    "test": (
        "How does the {metric} differ from one {group} to the next?",
        "Split by {group}: what is the {metric}?",
        "Per {group}, report the {metric}.",
        "Make a table of {group} against the {metric}.",
    ),
}

HAVING = {
    "sft": (
        "Which {group} values have more than {k} {things}?",
        "List each {group} with more than {k} {things}.",
        "Show every {group} that has more than {k} {things}.",
        "Find the {group} values with over {k} {things}.",
        "For which {group} are there more than {k} {things}?",
        "Give each {group} that more than {k} {things} have.",
        "Tell me which {group} values belong to over {k} {things}.",
        "The {group} values with more than {k} {things}.",
        "Which {group} has over {k} {things}?",
        "I need every {group} with more than {k} {things}.",
        "Get each {group} with more than {k} {things}.",
    ),
    "dpo": (
        "Return each {group} shared by more than {k} {things}.",
        "Which {group} covers more than {k} {things}?",
        "Print any {group} that counts over {k} {things}.",
        "Are there {group} values held by more than {k} {things}? List them.",
    ),
    "dev": ("What {group} values occur on more than {k} {things}?", "Give every {group} with above {k} {things}."),
    "test": (
        "Name each {group} under which we have more than {k} {things}.",
        "I only care about a {group} when it has more than {k} {things}: which are they?",
        "Which {group} shows up for more than {k} {things}?",
        "More than {k} {things} - which {group} is that true of?",
    ),
}

ORDER = {
    "sft": (
        "List the {cols} of all {things} sorted by {col}, {direction}.",
        "Show the {cols} of the {things} ordered by {col}, {direction}.",
        "Give the {cols} of every one of the {things}, {direction} by {col}.",
        "Sort the {things} by {col}, {direction}, and show the {cols}.",
        "Order the {things} by {col}, {direction}. Give the {cols}.",
        "The {cols} of the {things}, by {col}, {direction}.",
        "Sorted by {col}, {direction}: the {cols} of the {things}.",
        "I need the {cols} of all {things} in order of {col}, {direction}.",
        "What are the {cols} of the {things}, {direction} by {col}?",
        "Show me all {things} by {col}, {direction}: the {cols}.",
        "Return the {cols} of {things} ordered by {col}, {direction}.",
    ),
    "dpo": (
        "Put the {things} in order of {col}, {direction}, and print the {cols}.",
        "I need all {things} arranged by {col}, {direction}: the {cols}.",
        "Print the {cols} of all {things}, {direction}, judged by {col}.",
        "With the {col} deciding, {direction}, what are the {cols} of the {things}?",
    ),
    "dev": (
        "Order the {things} by their {col}, {direction}, and name the {cols}.",
        "Tell me the {cols} of all {things}, going by {col}, {direction}.",
    ),
    "test": (
        "Rank every one of the {things} by {col}, {direction}, reporting the {cols}.",
        "Can I have the {cols} of our {things} listed by {col}, {direction}?",
        "Line up the {things} according to {col}, {direction}; only the {cols}.",
        "By {col}, {direction}: the {cols} of all {things}, please.",
    ),
}
DIRECTION = {
    "sft": {"DESC": ("highest first", "from high to low"), "ASC": ("lowest first", "from low to high")},
    "dpo": {"DESC": ("largest first",), "ASC": ("smallest first",)},
    "dev": {"DESC": ("starting with the highest",), "ASC": ("starting with the lowest",)},
    "test": {
        "DESC": ("in descending order", "the biggest on top"),
        "ASC": ("in ascending order", "the smallest on top"),
    },
}

TOP = {
    "sft": (
        "Show the {cols} of the {k} {things} with the {most} {col}.",
        "Which {k} {things} have the {most} {col}? Give the {cols}.",
        "List the {cols} of the {k} {things} that have the {most} {col}.",
        "Find the {k} {things} with the {most} {col} and return the {cols}.",
        "Give me the {cols} of the {k} {things} with the {most} {col}.",
        "The {k} {things} with the {most} {col}: show the {cols}.",
        "What are the {cols} of the {k} {things} with the {most} {col}?",
        "Which are the {k} {things} with the {most} {col}? List their {cols}.",
        "Tell me the {k} {things} of the {most} {col} and their {cols}.",
        "I need the {cols} of {k} {things}: the ones with the {most} {col}.",
        "By {col}, what are the {cols} of the {k} {most} {things}?",
        "Get the {cols} of the {k} {things} with the {most} {col}.",
    ),
    "dpo": (
        "Print the {cols} for the {k} {things} having the {most} {col}.",
        "Please fetch the {k} {things} of {most} {col}: the {cols}.",
        "Pick the {k} {things} with the {most} {col} and print the {cols}.",
        "Limit it to the {k} {things} showing the {most} {col}: the {cols}.",
    ),
    "dev": (
        "Name the {cols} of the {k} {things} whose {col} is {most}.",
        "Could you give the {cols} of the {k} {things} at the {most} {col}?",
    ),
    "test": (
        "Out of all {things}, report the {cols} of the {k} that have the {most} {col}.",
        "Take the {k} {things} with the {most} {col}. What are their {cols}?",
        "Can you tell me the {cols} of {k} {things}, namely those with the {most} {col}?",
        "{most} {col}, {k} {things}: the {cols}?",
    ),
}
MOST = {
    "sft": {"DESC": ("highest", "largest"), "ASC": ("lowest", "smallest")},
    "dpo": {"DESC": ("highest",), "ASC": ("lowest",)},
    "dev": {"DESC": ("greatest",), "ASC": ("lowest",)},
    "test": {"DESC": ("highest", "biggest"), "ASC": ("lowest", "least")},
}

DISTINCT = {
    "sft": (
        "What different {col} values do the {things} {cond} have?",
        "List each {col} of the {things} {cond} once.",
        "Show the distinct {col} values of {things} {cond}.",
        "Which {col} values occur among the {things} {cond}?",
        "The different {col} values of {things} {cond}.",
        "Give every {col} of {things} {cond} only once.",
        "What are the distinct {col} values for the {things} {cond}?",
        "List all different {col} values of the {things} {cond}.",
        "Tell me which different {col} the {things} {cond} have.",
        "Show all {col} values of {things} {cond} without duplicates.",
        "Return the distinct {col} of {things} {cond}.",
    ),
    "dpo": (
        "Print every {col} found among {things} {cond}, without repeats.",
        "I want the unique {col} values for {things} {cond}.",
        "Collect the {col} values of {things} {cond}, each just once.",
        "How do {things} {cond} vary in {col}? Print each value once.",
    ),
    "dev": (
        "Name all the different {col} values used by {things} {cond}.",
        "Without duplicates, what is the {col} of the {things} {cond}?",
    ),
    "test": (
        "Which {col} options come up for {things} {cond}? No repeats.",
        "Report every separate {col} that the {things} {cond} fall under, once each.",
        "What range of {col} values is there across {things} {cond}, each only once?",
        "{things} {cond}: every distinct {col}, please.",
    ),
}

NESTED = {
    "sft": (
        "List the {cols} of the {things} with {side} average {col}.",
        "Which {things} have {side} average {col}? Give the {cols}.",
        "Show the {cols} for {things} whose {col} is {side} average.",
        "Find the {things} with {side} average {col} and return their {cols}.",
        "What are the {cols} of the {things} whose {col} is {side} the average?",
        "The {cols} of all {things} with a {col} {side} average.",
        "Give the {cols} of {things} that have a {col} {side} the average.",
        "I need the {cols} of {things} {side} the average {col}.",
        "Tell me which {things} are {side} average in {col}: their {cols}.",
        "Get the {cols} of {things} with {col} {side} the average.",
    ),
    "dpo": (
        "Print the {cols} of {things} having {side} average {col}.",
        "Please fetch the {things} of {side} average {col}: the {cols}.",
        "From the {things} with a {col} {side} the norm (average), extract the {cols}.",
        "Which {things} lie {side} the average {col}? Print the {cols}.",
    ),
    "dev": (
        "Name the {cols} of {things} that are {side} average in {col}.",
        "Tell me the {cols} of {things} where {col} lies {side} the average.",
    ),
    "test": (
        "Compared with the average {col}, which {things} are {side} it? Report the {cols}.",
        "Can you tell me the {cols} of {things} that sit {side} the mean {col}?",
        "The {cols} of any {things} whose {col} comes out {side} the overall average.",
        "{things} {side} average for {col}: their {cols}?",
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
        "AVG": ("average", "typical (mean)"),
        "SUM": ("total", "summed up"),
        "MAX": ("highest", "biggest"),
        "MIN": ("lowest", "smallest"),
    },
}

# Condition phrases by operator. They follow a plural noun: "books {phrase}".
CONDITIONS = {
    ">": {
        "sft": (
            "with a {col} above {v}",
            "whose {col} is more than {v}",
            "with a {col} greater than {v}",
            "that have a {col} over {v}",
            "with more than {v} in {col}",
            "where the {col} is over {v}",
            "with over {v} as {col}",
            "that have more than {v} as {col}",
            "where {col} is greater than {v}",
        ),
        "dpo": ("with {col} exceeding {v}", "having a {col} of more than {v}", "topping {v} in {col}"),
        "dev": ("where the {col} is higher than {v}", "that go over {v} in {col}"),
        "test": (
            "with a {col} higher than {v}",
            "that beat {v} on {col}",
            "whose {col} exceeds {v}",
            "with {col} beyond {v}",
        ),
    },
    "<": {
        "sft": (
            "with a {col} below {v}",
            "whose {col} is less than {v}",
            "with a {col} smaller than {v}",
            "that have a {col} under {v}",
            "with less than {v} in {col}",
            "where the {col} is under {v}",
            "with under {v} as {col}",
            "that have less than {v} as {col}",
            "where {col} is smaller than {v}",
        ),
        "dpo": ("with {col} staying under {v}", "having a {col} of less than {v}", "not making it to {v} in {col}"),
        "dev": ("where the {col} is lower than {v}", "that stay below {v} in {col}"),
        "test": (
            "with a {col} lower than {v}",
            "that do not reach {v} on {col}",
            "whose {col} falls short of {v}",
            "with {col} beneath {v}",
        ),
    },
    ">=": {
        "sft": (
            "with a {col} of at least {v}",
            "whose {col} is at least {v}",
            "with a {col} of {v} or more",
            "that have at least {v} as {col}",
            "where the {col} is not below {v}",
            "with a {col} of {v} and up",
            "where {col} is at least {v}",
        ),
        "dpo": ("with {col} no lower than {v}", "having {v} or more in {col}", "with {col} starting from {v}"),
        "dev": ("where the {col} is {v} or higher", "that reach at least {v} in {col}"),
        "test": (
            "with a {col} not less than {v}",
            "whose {col} is {v} or greater",
            "with at least {v} for {col}",
            "that have {v} or above as {col}",
        ),
    },
    "<=": {
        "sft": (
            "with a {col} of at most {v}",
            "whose {col} is at most {v}",
            "with a {col} of {v} or less",
            "that have at most {v} as {col}",
            "where the {col} is not above {v}",
            "with a {col} of up to {v}",
            "where {col} is at most {v}",
        ),
        "dpo": ("with {col} no higher than {v}", "having {v} or less in {col}", "with {col} not going over {v}"),
        "dev": ("where the {col} is {v} or lower", "that reach at most {v} in {col}"),
        "test": (
            "with a {col} not more than {v}",
            "whose {col} is {v} or smaller",
            "with at most {v} for {col}",
            "that have {v} or below as {col}",
        ),
    },
    "= number": {
        "sft": (
            "with a {col} of {v}",
            "whose {col} is {v}",
            "that have a {col} of exactly {v}",
            "where the {col} equals {v}",
            "with {v} as {col}",
            "that have {v} as {col}",
        ),
        "dpo": ("with {col} equal to {v}", "having {v} as {col}", "at a {col} of just {v}"),
        "dev": ("where the {col} is exactly {v}", "that show {v} for {col}"),
        "test": (
            "with precisely {v} as their {col}",
            "whose {col} comes to {v}",
            "with {v} in {col}",
            "that are at {v} for {col}",
        ),
    },
    "=": {
        "sft": (
            "with the {col} {v}",
            "whose {col} is {v}",
            "that have {v} as {col}",
            "where the {col} is {v}",
            "with {v} as {col}",
            "whose {col} equals {v}",
            "in the {col} {v}",
            "with a {col} of {v}",
        ),
        "dpo": ("with {v} for {col}", "having the {col} {v}", "that go by the {col} {v}", "under {v} ({col})"),
        "dev": ("listed under the {col} {v}", "of the {col} {v}"),
        "test": (
            "that belong to the {col} {v}",
            "marked {v} as {col}",
            "whose {col} says {v}",
            "with {col} set to {v}",
        ),
    },
    "<>": {
        "sft": (
            "whose {col} is not {v}",
            "with a {col} other than {v}",
            "that do not have {v} as {col}",
            "where the {col} is not {v}",
            "with any {col} but {v}",
            "that are not in the {col} {v}",
        ),
        "dpo": ("with anything but {v} for {col}", "not having the {col} {v}", "leaving out the {col} {v}"),
        "dev": ("not listed under the {col} {v}", "where the {col} differs from {v}"),
        "test": (
            "that do not belong to the {col} {v}",
            "except those marked {v} as {col}",
            "whose {col} is anything except {v}",
            "outside the {col} {v}",
        ),
    },
    "between": {
        "sft": (
            "with a {col} between {v} and {w}",
            "whose {col} is between {v} and {w}",
            "with a {col} from {v} to {w}",
            "that have a {col} between {v} and {w}",
            "where the {col} is from {v} to {w}",
            "with {v} to {w} as {col}",
            "where {col} is between {v} and {w}",
        ),
        "dpo": (
            "having a {col} in the range {v} to {w}",
            "with {col} from {v} up to {w}",
            "with {col} somewhere from {v} through {w}",
        ),
        "dev": ("where the {col} lies between {v} and {w}", "with {v} to {w} in {col}"),
        "test": (
            "whose {col} falls in the interval from {v} to {w}",
            "with no less than {v} and no more than {w} in {col}",
            "ranging from {v} to {w} on {col}",
            "with {col} anywhere between {v} and {w}",
        ),
    },
    "null": {
        "sft": (
            "without a {col}",
            "whose {col} is missing",
            "with no {col}",
            "that have no {col}",
            "where no {col} is known",
            "with a missing {col}",
            "where {col} is missing",
        ),
        "dpo": ("that lack a {col}", "having no {col} on file", "for whom the {col} is lacking"),
        "dev": ("where the {col} is empty", "with the {col} left blank"),
        "test": (
            "for which no {col} was recorded",
            "whose {col} is unknown",
            "that do not have any {col}",
            "with nothing entered for {col}",
        ),
    },
    "not null": {
        "sft": (
            "that have a {col}",
            "whose {col} is known",
            "with a recorded {col}",
            "where a {col} is known",
            "with a known {col}",
            "that do not lack a {col}",
            "where {col} is not missing",
        ),
        "dpo": ("having some {col} on file", "that come with a {col}", "for whom some {col} exists"),
        "dev": ("where the {col} is filled in", "with the {col} given"),
        "test": (
            "for which a {col} was recorded",
            "whose {col} is not missing",
            "that do have a {col}",
            "with something entered for {col}",
        ),
    },
    "prefix": {
        "sft": (
            "whose {col} starts with {v}",
            "with a {col} that starts with {v}",
            "where the {col} starts with {v}",
            "that have a {col} starting with {v}",
            "with {col} starting with {v}",
        ),
        "dpo": (
            "with a {col} opening with {v}",
            "having a {col} that begins with {v}",
            "whose {col} has the start {v}",
        ),
        "dev": ("where the {col} begins with {v}", "with {v} at the start of the {col}"),
        "test": (
            "whose {col} has {v} as its beginning",
            "with {v} as the first letters of the {col}",
            "that have a {col} beginning in {v}",
            "whose {col} opens on {v}",
        ),
    },
    "contains": {
        "sft": (
            "whose {col} contains {v}",
            "with {v} in the {col}",
            "where the {col} contains {v}",
            "that have {v} in the {col}",
            "with {col} containing {v}",
        ),
        "dpo": ("having {v} somewhere in the {col}", "with a {col} that includes {v}", "with a {col} holding {v}"),
        "dev": ("where the {col} includes {v}", "that mention {v} in the {col}"),
        "test": (
            "with {v} appearing anywhere in the {col}",
            "whose {col} has {v} in it",
            "that carry {v} inside the {col}",
            "where {v} is part of the {col}",
        ),
    },
    "date >": {
        "sft": (
            "with a {col} after {v}",
            "whose {col} is after {v}",
            "whose {col} is later than {v}",
            "where the {col} is later than {v}",
            "that have a {col} after {v}",
            "where {col} is after {v}",
        ),
        "dpo": ("having a {col} past {v}", "with {col} later than {v}", "dated past {v} by {col}"),
        "dev": ("where the {col} comes after {v}", "with a {col} more recent than {v}"),
        "test": (
            "whose {col} is more recent than {v}",
            "with a {col} following {v}",
            "that got their {col} only after {v}",
            "with {col} beyond the date {v}",
        ),
    },
    "date <": {
        "sft": (
            "with a {col} before {v}",
            "whose {col} is before {v}",
            "whose {col} is earlier than {v}",
            "where the {col} is earlier than {v}",
            "that have a {col} before {v}",
            "where {col} is before {v}",
        ),
        "dpo": ("having a {col} prior to {v}", "with {col} earlier than {v}", "dated prior to {v} by {col}"),
        "dev": ("where the {col} comes before {v}", "with a {col} older than {v}"),
        "test": (
            "whose {col} is older than {v}",
            "with a {col} preceding {v}",
            "that got their {col} already before {v}",
            "with {col} ahead of the date {v}",
        ),
    },
    "year": {
        "sft": (
            "whose {col} is in {v}",
            "with a {col} in {v}",
            "with a {col} in the year {v}",
            "where the year of the {col} is {v}",
            "that have a {col} in {v}",
            "where {col} is in the year {v}",
        ),
        "dpo": ("having a {col} during {v}", "with {col} within {v}", "dated {v} by {col}"),
        "dev": ("where the {col} falls in {v}", "with a {col} from the year {v}"),
        "test": (
            "whose {col} lies in the year {v}",
            "with {v} as the year of the {col}",
            "that had their {col} in {v}",
            "with a {col} at some point in {v}",
        ),
    },
}
COMPARATIVE = {
    "sft": "that are {adjective} than {v}",
    "dpo": "being {adjective} than {v}",
    "dev": "which are {adjective} than {v}",
    "test": "{adjective} than {v}",
}

# What the explanation says for each operator: the one voice of the template teacher.
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
    "date >": "whose {col} is after {v}",
    "date <": "whose {col} is before {v}",
    "year": "whose {col} is in {v}",
}

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
