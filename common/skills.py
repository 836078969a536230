"""General skills for the small base: a corpus that teaches simple facts, and a test in MMLU's form.

The alignment tax asks what a model forgets while it learns its domain. A base of a few million
parameters knows nothing that MMLU asks, so it is taught eleven small subjects (sums, comparison,
alphabetical order, days and months, units, opposites, categories, spelling, capitals, animals,
counting) and tested on them in MMLU's file format. The result is called general skills, never MMLU.

What the base has seen, and what it has not:
- The facts. An opposite or a capital cannot be tested without having been taught.
- The multiple-choice form. A share of the corpus (`quiz_share`) is quizzes that end in a letter,
  because a model this small cannot work out by itself that " B" means the second option.
- Never a test question. Test wordings are frames of their own (`test_questions`), and a hash of
  every item holds out, for sums, the pair of operands in either order and under either sign; for
  comparison, sorting and counting, the numbers or words themselves; and for fixed facts the set of
  four options. tests/test_skills.py checks all of this.

Same seed, same documents. Text is plain ASCII. Nothing here is about any domain.
"""

import csv
import io
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from common.files import write_text

LETTERS = "ABCD"
HELD_OUT_ONE_IN = 5  # one item in five (by hash) is kept for the test
DEV_ROWS = 5  # MMLU's few-shot rows per subject
TEST_SIZE = 2000
QUIZ_HEADER = "The following are multiple choice questions (with answers) about {subject}.\n\n"


class Draw(NamedTuple):
    """One random instance of a skill: what fills its sentences, the answer, three wrong answers."""

    fills: dict
    answer: str
    wrong: list
    key: str  # what decides, by hash, whether this belongs to the corpus or to the test


class Kind(NamedTuple):
    """One kind of question: how to draw an instance, and every wording it may take."""

    draw: Callable
    statements: list  # corpus only; {answer} is filled in
    questions: list  # corpus only
    test_questions: list  # test only


class Fact(NamedTuple):
    """A fixed fact: what is asked about, the answer, and what must not be offered as wrong."""

    fills: dict
    answer: str
    avoid: frozenset


# ---------------------------------------------------------------------------------------------
# The facts
# ---------------------------------------------------------------------------------------------

# Words of one line are close in meaning and are never offered as wrong answers to each other.
OPPOSITES = """
hot cold, warm cool, freeze melt
big small, grow shrink, more less, increase decrease, maximum minimum, tall short, wide narrow,\
 thick thin, deep shallow, up down, high low, rise fall, top bottom, float sink, heaven hell
fast slow
new old, fresh stale, before after, early late, past future, first last, begin end,\
 junior senior, temporary permanent, always never
happy sad, love hate, laugh cry, good bad
heavy light, day night, sunrise sunset
left right, front back, inside outside, entrance exit
true false, yes no, odd even, same different, positive negative
open closed, lock unlock, public private, hide show, include exclude
full empty, with without, absent present
wet dry, land sea, solid liquid
hard soft, strong weak, tight loose, rough smooth, sharp blunt, simple complicated, straight bent
rich poor, cheap expensive, buy sell, lend borrow, import export, give take, push pull
loud quiet, whisper shout
clean dirty
near far, here there, come go, appear vanish
north south, east west
safe dangerous, polite rude, brave cowardly, humble proud, guilty innocent
win lose, success failure, accept refuse, profit loss
remember forget, ask answer, speak listen, teach learn
friend enemy, war peace, attack defend, build destroy
summer winter
asleep awake, alive dead
sweet sour, raw cooked
stand sit
wild tame
"""

CATEGORIES = {
    "fruit": "apple banana pear grape mango strawberry lemon pineapple apricot raspberry melon blueberry papaya",
    "vegetable": "carrot cabbage potato onion cauliflower turnip leek lettuce radish parsnip artichoke shallot sprout",
    "mammal": "horse cow dog cat sheep lion tiger elephant rabbit fox wolf monkey giraffe",
    "bird": "eagle sparrow robin owl parrot penguin pigeon raven seagull ostrich flamingo woodpecker pelican",
    "fish": "salmon trout cod herring tuna shark carp mackerel haddock sardine halibut eel pike",
    "insect": "ant beetle butterfly moth wasp mosquito grasshopper ladybird termite cockroach dragonfly flea earwig",
    "shape": "circle square triangle rectangle hexagon pentagon octagon oval cube sphere cone cylinder pyramid",
    "tool": "hammer screwdriver spanner saw chisel drill axe pliers wrench spade rake shovel crowbar",
    "vehicle": "car bus lorry bicycle tram van motorbike ferry ship taxi tractor aeroplane helicopter",
    "garment": "shirt coat jacket skirt sock glove scarf jumper dress hat sweater shoe blouse",
    "musical instrument": "piano violin guitar trumpet flute drum cello harp clarinet trombone banjo oboe saxophone",
    "worker": "teacher doctor nurse baker farmer plumber lawyer dentist carpenter waiter butcher soldier electrician",
}

CAPITALS = """
France Paris, Germany Berlin, Italy Rome, Spain Madrid, Portugal Lisbon, Greece Athens,
Poland Warsaw, Austria Vienna, Hungary Budapest, Sweden Stockholm, Norway Oslo,
Denmark Copenhagen, Finland Helsinki, Ireland Dublin, Belgium Brussels, Russia Moscow,
Ukraine Kyiv, Turkey Ankara, Egypt Cairo, Kenya Nairobi, Morocco Rabat, Ghana Accra,
Japan Tokyo, China Beijing, Thailand Bangkok, Vietnam Hanoi, Iran Tehran, Iraq Baghdad,
Canada Ottawa, Cuba Havana, Peru Lima, Chile Santiago, Brazil Brasilia, Colombia Bogota,
Ecuador Quito, Uruguay Montevideo, Venezuela Caracas, Australia Canberra, Croatia Zagreb,
Serbia Belgrade, Romania Bucharest, Bulgaria Sofia, Iceland Reykjavik, Estonia Tallinn,
Latvia Riga, Lithuania Vilnius, Nepal Kathmandu, Jordan Amman, Lebanon Beirut, Syria Damascus,
Qatar Doha, Pakistan Islamabad, Zambia Lusaka, Uganda Kampala, Senegal Dakar
"""

# Here and below, as in OPPOSITES, answers of one line are never offered as wrong for each other.
YOUNG = """
cat kitten
dog puppy
cow calf, deer fawn
horse foal
sheep lamb
pig piglet
goat kid
lion cub
duck duckling, goose gosling, swan cygnet, hen chick, owl owlet, pigeon squab
kangaroo joey
frog tadpole
hare leveret
"""

SOUNDS = """
cow moo, sheep baa
dog bark, wolf howl
cat meow, snake hiss, mouse squeak, pig oink
duck quack, hen cluck, turkey gobble
horse neigh, donkey bray
lion roar, elephant trumpet
owl hoot, dove coo, crow caw
bee buzz
frog croak
"""

HOMES = """
bee hive
spider web
horse stable
pig sty
lion den, rabbit burrow, beaver lodge, dog kennel
robin nest, hen coop
"""

# small units in one big unit: (number, small units, one big unit, big units)
UNITS = [
    (12, "inches", "foot", "feet"),
    (3, "feet", "yard", "yards"),
    (36, "inches", "yard", "yards"),
    (1760, "yards", "mile", "miles"),
    (5280, "feet", "mile", "miles"),
    (10, "millimetres", "centimetre", "centimetres"),
    (100, "centimetres", "metre", "metres"),
    (1000, "millimetres", "metre", "metres"),
    (1000, "metres", "kilometre", "kilometres"),
    (1000, "grams", "kilogram", "kilograms"),
    (1000, "milligrams", "gram", "grams"),
    (1000, "kilograms", "tonne", "tonnes"),
    (16, "ounces", "pound", "pounds"),
    (14, "pounds", "stone", "stones"),
    (1000, "millilitres", "litre", "litres"),
    (100, "centilitres", "litre", "litres"),
    (2, "pints", "quart", "quarts"),
    (4, "quarts", "gallon", "gallons"),
    (60, "seconds", "minute", "minutes"),
    (60, "minutes", "hour", "hours"),
    (3600, "seconds", "hour", "hours"),
    (24, "hours", "day", "days"),
    (7, "days", "week", "weeks"),
    (168, "hours", "week", "weeks"),
    (14, "days", "fortnight", "fortnights"),
    (12, "months", "year", "years"),
    (4, "quarters", "year", "years"),
    (3, "months", "quarter", "quarters"),
    (10, "years", "decade", "decades"),
    (100, "years", "century", "centuries"),
    (1000, "years", "millennium", "millennia"),
    (10, "decades", "century", "centuries"),
    (100, "cents", "dollar", "dollars"),
    (12, "things", "dozen", "dozens"),
    (20, "things", "score", "scores"),
    (2, "shoes", "pair", "pairs"),
    (8, "bits", "byte", "bytes"),
    (90, "degrees", "right angle", "right angles"),
    (360, "degrees", "circle", "circles"),
    (52, "cards", "pack", "packs"),
    (3, "sides", "triangle", "triangles"),
    (4, "sides", "square", "squares"),
    (5, "sides", "pentagon", "pentagons"),
    (6, "sides", "hexagon", "hexagons"),
    (8, "sides", "octagon", "octagons"),
]

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
]
ALPHABET = "abcdefghijklmnopqrstuvwxyz"

NAMES = ["Tom", "Anna", "Ben", "Lucy", "Sam", "Mia", "Jack", "Emma", "Leo", "Ruth", "Paul", "Nina"]
THINGS = ["apples", "books", "coins", "pens", "cards", "stones", "eggs", "cups", "stamps", "keys"]
OBJECTS = [
    "cup",
    "pen",
    "key",
    "book",
    "lamp",
    "coin",
    "ring",
    "ball",
    "rope",
    "bell",
    "stone",
    "spoon",
    "plate",
    "candle",
    "basket",
    "pillow",
    "mirror",
    "ladder",
    "bottle",
    "button",
]


# ---------------------------------------------------------------------------------------------
# Drawing instances
# ---------------------------------------------------------------------------------------------


def held_out(key: str) -> bool:
    """Whether the item with this key belongs to the test; if not it belongs to the corpus."""
    return zlib.crc32(key.encode()) % HELD_OUT_ONE_IN == 0


def pair_key(a: int, b: int) -> str:
    """The key of two operands: the same for a + b, b + a and the larger minus the smaller."""
    return f"operands {min(a, b)} {max(a, b)}"


def _with_article(noun: str) -> str:
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def _listed(items: list, word: str) -> str:
    return ", ".join(items[:-1]) + f" {word} {items[-1]}"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _pairs(text: str) -> list:
    """'a b, c d' on several lines -> [(line number, 'a', 'b'), ...]."""
    lines = enumerate(text.strip().splitlines())
    return [(line, *pair.split()) for line, row in lines for pair in row.split(",") if pair.strip()]


def _facts(rows: list, themes: bool = False) -> list:
    """(line, asked, answer) rows as facts; with `themes`, answers of one line avoid each other."""
    facts = []
    for line, asked, answer in rows:
        close = {row[2] for row in rows if row[1] == asked or (themes and row[0] == line)}
        facts.append(Fact(_noun_fills(asked), answer, frozenset(close | {asked})))
    return facts


def _noun_fills(noun: str) -> dict:
    return {"x": noun, "X": _capitalised(noun), "a_x": _with_article(noun), "A_x": _capitalised(_with_article(noun))}


def _fixed(name: str, facts: list, listed: bool = False) -> Callable:
    """Draws a fact with three wrong answers taken from the answers of the other facts.

    An answer that is right often is offered as wrong as often, so that options alone say little.
    With `listed` the four options also fill {or_list}, for questions that make no sense without.
    """
    pool = [fact.answer for fact in facts]
    names = [f"{name} {sorted(fact.fills.items())}" for fact in facts]

    def draw(rng: random.Random) -> Draw:
        place = rng.randrange(len(facts))
        fact = facts[place]
        wrong = []
        while len(wrong) < 3:
            other = rng.choice(pool)
            if other != fact.answer and other not in fact.avoid and other not in wrong:
                wrong.append(other)
        options = [fact.answer, *wrong]
        fills = fact.fills
        if listed:
            fills = {**fills, "or_list": _listed(rng.sample(options, 4), "or")}
        return Draw(fills, fact.answer, wrong, f"{names[place]} {sorted(options)}")

    return draw


def _numbers_near(rng: random.Random, right: int, least: int, spread: int) -> list:
    """Three wrong numbers, any count of them below, so that rank does not betray the answer."""
    below = rng.randint(0, min(3, right - least))
    lower = rng.sample(range(max(least, right - spread), right), below) if below else []
    upper = rng.sample(range(right + 1, right + spread + 1), 3 - below)
    return [str(number) for number in lower + upper]


def _draw_sum(rng: random.Random, minus: bool) -> Draw:
    a, b = rng.randint(0, 50), rng.randint(0, 50)
    if minus and a < b:
        a, b = b, a
    right = a - b if minus else a + b
    fills = {"a": a, "b": b, "name": rng.choice(NAMES), "things": rng.choice(THINGS)}
    return Draw(fills, str(right), _numbers_near(rng, right, 0, 10), pair_key(a, b))


def _draw_addition(rng: random.Random) -> Draw:
    return _draw_sum(rng, minus=False)


def _draw_subtraction(rng: random.Random) -> Draw:
    return _draw_sum(rng, minus=True)


def _extreme(choose: Callable) -> Callable:
    """Draws four numbers; `choose` is max or min."""

    def draw(rng: random.Random) -> Draw:
        top = rng.choice([20, 100, 100, 1000])
        numbers = rng.sample(range(top), 4)
        right = choose(numbers)
        texts = [str(number) for number in numbers]
        wrong = [text for text in texts if text != str(right)]
        fills = {"or_list": _listed(texts, "or"), "and_list": _listed(texts, "and"), "other": rng.choice(wrong)}
        # Both directions share the key: numbers whose smallest is asked are not in the corpus.
        return Draw(fills, str(right), wrong, f"numbers {sorted(numbers)}")

    return draw


def _sorted_words(choose: Callable) -> Callable:
    """Draws four words with different first letters; `choose` is max (last) or min (first)."""

    def draw(rng: random.Random) -> Draw:
        words = {}
        while len(words) < 4:
            word = rng.choice(WORDS)
            words.setdefault(word[0], word)
        words = list(words.values())
        right = choose(words)
        wrong = [word for word in words if word != right]
        fills = {
            "or_list": _listed(words, "or"),
            "and_list": _listed(words, "and"),
            "other": rng.choice(wrong),
            "in_order": ", ".join(sorted(words)),
        }
        return Draw(fills, right, wrong, f"words {sorted(words)}")

    return draw


def _draw_list_length(rng: random.Random) -> Draw:
    count = rng.randint(2, 9)
    items = rng.sample(OBJECTS, count)
    fills = {"list": ", ".join(items), "and_list": _listed(items, "and")}
    return Draw(fills, str(count), _numbers_near(rng, count, 0, 4), f"list {items}")


def _draw_repeats(rng: random.Random) -> Draw:
    word, other = rng.sample(OBJECTS, 2)
    count, others = rng.randint(2, 6), rng.randint(0, 3)
    items = [word] * count + [other] * others
    rng.shuffle(items)
    fills = {**_noun_fills(word), "row": " ".join(items)}
    return Draw(fills, str(count), _numbers_near(rng, count, 0, 4), f"repeats {word} {items}")


def _draw_word_length(rng: random.Random) -> Draw:
    word = rng.choice(WORDS)
    wrong = _numbers_near(rng, len(word), 1, 4)
    fills = {**_noun_fills(word), "spelt": "-".join(word)}
    return Draw(fills, str(len(word)), wrong, f"length {word} {sorted(wrong)}")


def _steps(sequence, step: int) -> list:
    """What stands `step` places after each member; days and months start again at their end."""
    facts = []
    for place, name in enumerate(sequence):
        if sequence is ALPHABET and not 0 <= place + step < len(sequence):
            continue
        answer = sequence[(place + step) % len(sequence)]
        facts.append(Fact({"x": name}, answer, frozenset()))
    return facts


def _unit_facts() -> list:
    facts = []
    for number, small, one, many in UNITS:
        for times in (1, 2, 3, 4, 5) if number <= 24 or number == 100 else (1,):
            big = _with_article(one) if times == 1 else f"{times} {many}"
            if one == "hour":
                big = big.replace("a hour", "an hour")
            fills = {"small": small, "big": big, "Big": _capitalised(big)}
            facts.append(Fact(fills, str(number * times), frozenset()))
    return facts


def _category_facts() -> list:
    return [
        Fact(_noun_fills(word), category, frozenset())
        for category, words in CATEGORIES.items()
        for word in words.split()
    ]


def _member_facts() -> list:
    return [
        Fact(_noun_fills(category), word, frozenset(words.split()))
        for category, words in CATEGORIES.items()
        for word in words.split()
    ]


def _letter_facts(place: int) -> list:
    return [Fact({**_noun_fills(word), "spelt": "-".join(word)}, word[place], frozenset()) for word in WORDS]


WORDS = [word for words in CATEGORIES.values() for word in words.split() if len(word) <= 8]
YOUNG_ROWS, SOUND_ROWS, HOME_ROWS = _pairs(YOUNG), _pairs(SOUNDS), _pairs(HOMES)
CAPITAL_ROWS, OPPOSITE_ROWS = _pairs(CAPITALS), _pairs(OPPOSITES)


def _turned(rows: list) -> list:
    return [(line, answer, asked) for line, asked, answer in rows]


# ---------------------------------------------------------------------------------------------
# The wordings
# ---------------------------------------------------------------------------------------------

ADDITION = Kind(
    _draw_addition,
    [
        "{a} plus {b} is {answer}.",
        "{a} + {b} = {answer}",
        "{a} + {b} = {answer}.",
        "{a} plus {b} equals {answer}.",
        "The sum of {a} and {b} is {answer}.",
        "If you add {a} and {b}, you get {answer}.",
        "{a} and {b} make {answer} in all.",
        "{name} has {a} {things} and gets {b} more. Now {name} has {answer} {things} in all.",
        "There are {a} {things} in one box and {b} in another, {answer} in total.",
        "{answer} is the sum of {a} and {b}.",
        "The total of {a} and {b} is {answer}.",
    ],
    [
        "What is {a} plus {b}?",
        "What is {a} + {b}?",
        "How much is {a} plus {b}?",
        "How much is {a} + {b}?",
        "What do you get when you add {a} and {b}?",
        "{a} + {b} = ?",
        "What does {a} plus {b} make?",
        "What do {a} and {b} make in all?",
        "{name} has {a} {things} and finds {b} more. How many {things} does {name} have now?",
    ],
    [
        "What is the sum of {a} and {b}?",
        "Find the total of {a} and {b}.",
        "If you add {b} to {a}, what is the total?",
        "What number equals {a} + {b}?",
    ],
)

SUBTRACTION = Kind(
    _draw_subtraction,
    [
        "{a} minus {b} is {answer}.",
        "{a} - {b} = {answer}",
        "{a} - {b} = {answer}.",
        "{a} minus {b} equals {answer}.",
        "The difference between {a} and {b} is {answer}.",
        "If you take {b} away from {a}, {answer} is left.",
        "{b} taken from {a} leaves {answer}.",
        "{name} has {a} {things} and gives away {b}. Now {name} has {answer} {things} left.",
        "Of {a} {things} {b} are lost, so {answer} are left.",
        "{answer} is the difference between {a} and {b}.",
    ],
    [
        "What is {a} minus {b}?",
        "What is {a} - {b}?",
        "How much is {a} minus {b}?",
        "How much is {a} - {b}?",
        "What do you get when you take {b} away from {a}?",
        "{a} - {b} = ?",
        "How much is left when {b} is taken away from {a}?",
        "{name} has {a} {things} and loses {b}. How many {things} does {name} have now?",
    ],
    [
        "What is the difference between {a} and {b}?",
        "Find the difference: {a} minus {b}.",
        "If {b} is taken from {a}, what is left?",
        "What number equals {a} - {b}?",
    ],
)


def _comparison(choose: Callable, word: str, second: str, third: str, than: str) -> Kind:
    """`word`, `second` and `third` mean the same extreme; `than` is its comparative."""
    return Kind(
        _extreme(choose),
        [
            f"Of {{and_list}}, {{answer}} is the {word}.",
            f"The {word} of {{and_list}} is {{answer}}.",
            f"The {second} of {{and_list}} is {{answer}}.",
            f"{{answer}} is {than} than {{other}}.",
            f"Of the numbers {{and_list}}, the {third} is {{answer}}.",
            f"{{answer}} is the {third} of the numbers {{and_list}}.",
            f"{{answer}} is {than} than all the rest of {{and_list}}.",
        ],
        [
            f"Which number is the {word}: {{or_list}}?",
            f"Which is the {word} of {{and_list}}?",
            f"What is the {second} number of {{and_list}}?",
            f"Which is the {third}: {{or_list}}?",
            f"Which number is the {third}: {{or_list}}?",
            f"Of {{and_list}}, which number is the {second}?",
            f"Which one of {{and_list}} is {than} than all the others?",
            f"Find the {word} of the four numbers {{and_list}}.",
        ],
        [
            f"Which of the numbers {{and_list}} is the {word}?",
            f"The numbers are {{and_list}}. Which one is the {second}?",
            f"Find the {third} of these numbers: {{and_list}}.",
            f"Of the four numbers {{and_list}}, which one is {than} than the rest?",
        ],
    )


def _word_order(choose: Callable, place: str, side: str) -> Kind:
    """`place` is first or last, `side` is before or after."""
    return Kind(
        _sorted_words(choose),
        [
            f"Of {{and_list}}, {{answer}} comes {place} in alphabetical order.",
            "In alphabetical order: {in_order}.",
            "Sorted from a to z: {in_order}.",
            f"In the alphabet {{answer}} comes {side} {{other}}.",
            f"In a dictionary {{answer}} stands {side} {{other}}.",
            f"{{in_order}}: these words are in alphabetical order, and {{answer}} is the {place} one.",
            f"The {place} of the words {{and_list}} in a dictionary is {{answer}}.",
        ],
        [
            f"Which word comes {place} in alphabetical order: {{or_list}}?",
            f"In alphabetical order, which is {place}: {{or_list}}?",
            f"Which of {{and_list}} comes {place} in the alphabet?",
            f"Which word stands {place} in a dictionary: {{or_list}}?",
            f"Of {{and_list}}, which word is {place} from a to z?",
            f"Sort {{and_list}} from a to z. Which word is {place}?",
            f"Put these words in alphabetical order: {{and_list}}. Which one is {place}?",
            f"Find the word that stands {place} in a dictionary: {{and_list}}.",
        ],
        [
            f"Which of the words {{and_list}} comes {place} in a dictionary?",
            f"The words are {{and_list}}. Which one comes {place} in alphabetical order?",
            f"Name the word that comes {place} from a to z: {{and_list}}.",
        ],
    )


def _step(noun: str, sequence, step: int) -> Kind:
    """What comes `step` places after (or, below zero, before) a day, a month or a letter."""
    draw = _fixed(f"{noun} {step}", _steps(sequence, step))
    side = "after" if step > 0 else "before"
    verb = "follows" if step > 0 else "precedes"
    if abs(step) == 2:
        two = f"two {noun}s {side} {{x}}"
        return Kind(
            draw,
            [
                f"Two {noun}s {side} {{x}} comes {{answer}}.",
                f"{{answer}} is {two}.",
                f"The {noun} that is {two} is {{answer}}.",
            ],
            [
                f"Which {noun} is {two}?",
                f"What {noun} is {two}?",
                f"Which {noun} comes {two}?",
                f"Do you know which {noun} is {two}?",
                f"Give the {noun} {two}.",
            ],
            [
                f"Two {noun}s {side} {{x}}, which {noun} is it?",
                f"Find the {noun} {two}.",
                f"Name the {noun} that is {two}.",
            ],
        )
    return Kind(
        draw,
        [
            f"{{answer}} comes right {side} {{x}}.",
            f"The {noun} {side} {{x}} is {{answer}}.",
            f"{{answer}} {verb} {{x}}.",
            f"{{answer}} is the {noun} {side} {{x}}.",
            f"The {noun} that {verb} {{x}} is {{answer}}.",
            f"Right {side} {{x}} comes {{answer}}.",
        ],
        [
            f"Which {noun} comes {side} {{x}}?",
            f"What {noun} comes {side} {{x}}?",
            f"Which {noun} is right {side} {{x}}?",
            f"What comes right {side} {{x}}?",
            f"Which {noun} {verb} {{x}}?",
            f"What is the {noun} {side} {{x}}?",
            f"Do you know which {noun} comes {side} {{x}}?",
            f"Name the {noun} {side} {{x}}.",
        ],
        [
            f"Name the {noun} that {verb} {{x}}.",
            f"Find the {noun} that comes right {side} {{x}}.",
            f"Of all {noun}s, which comes right {side} {{x}}?",
        ],
    )


MONTH_NUMBERS = Kind(
    _fixed(
        "month number",
        [Fact({"x": ORDINALS[i], "number": i + 1}, month, frozenset()) for i, month in enumerate(MONTHS)],
    ),
    [
        "{answer} is the {x} month of the year.",
        "The {x} month of the year is {answer}.",
        "Month number {number} is {answer}.",
        "{answer} is month number {number}.",
    ],
    [
        "Which month is the {x} month of the year?",
        "What is the {x} month of the year?",
        "Which month is number {number}?",
        "Which is the {x} month?",
        "What is month number {number}?",
        "Of all twelve months, what is the {x}?",
        "Which of the months has number {number}?",
    ],
    [
        "Name the {x} month of the year.",
        "Of the twelve months, which is the {x}?",
        "Which month has the number {number}?",
    ],
)

UNIT_SIZES = Kind(
    _fixed("units", _unit_facts()),
    [
        "There are {answer} {small} in {big}.",
        "{Big}: {answer} {small}.",
        "{answer} {small} are in {big}.",
        "{Big} is the same as {answer} {small}.",
        "{answer} {small} make {big}.",
        "{answer} {small} make up {big}.",
        "In {big} there are {answer} {small}.",
    ],
    [
        "How many {small} are in {big}?",
        "How many {small} are there in {big}?",
        "How many {small} make {big}?",
        "{Big} is how many {small}?",
        "In {big}, how many {small} are there?",
        "Do you know how many {small} are in {big}?",
        "Give the number of {small} in {big}.",
    ],
    [
        "What number of {small} is the same as {big}?",
        "Find how many {small} make up {big}.",
        "{Big} is the same as how many {small}?",
    ],
)

OPPOSITE_WORDS = Kind(
    _fixed("opposites", _facts(OPPOSITE_ROWS + _turned(OPPOSITE_ROWS), themes=True)),
    [
        "The opposite of {x} is {answer}.",
        "{X} is the opposite of {answer}.",
        "{Answer} means the opposite of {x}.",
        "{X} and {answer} are opposites.",
        "{Answer} is the opposite word to {x}.",
        "What is not {x} may be {answer}: they are opposites.",
        "If one is {x}, the opposite is {answer}.",
    ],
    [
        "What is the opposite of {x}?",
        "Which word means the opposite of {x}?",
        "What word is the opposite of {x}?",
        "Do you know the opposite of {x}?",
        "Can you name the opposite of {x}?",
        "Which word is the opposite of {x}?",
        "{X} and which word are opposites?",
        "Choose the word that means the opposite of {x}.",
    ],
    [
        "Find the word that means the opposite of {x}.",
        "{X} is the opposite of which word?",
        "Choose the opposite word to {x}.",
    ],
)

CATEGORY_OF = Kind(
    _fixed("category of", _category_facts()),
    [
        "{A_x} is {a_answer}.",
        "{A_x} is a kind of {answer}.",
        "One kind of {answer} is the {x}.",
        "The {x} is {a_answer}.",
        "{X}: {answer}.",
        "{X} names a kind of {answer}.",
    ],
    [
        "What is {a_x}?",
        "What kind of thing is {a_x}?",
        "What sort of thing is {a_x}?",
        "{A_x} is a kind of what?",
        "What is the {x}?",
        "Which kind of thing is the {x}?",
        "Choose what kind of thing {a_x} is.",
    ],
    [
        "Which word names the kind of thing that {a_x} is?",
        "The {x} is one kind of what thing?",
        "Of what kind is the thing called {a_x}?",
    ],
)

MEMBER_OF = Kind(
    _fixed("member of", _member_facts(), listed=True),
    [
        "{A_answer} is {a_x}.",
        "The {answer} is {a_x}.",
        "One {x} is the {answer}.",
        "Among {or_list}, only the {answer} is {a_x}.",
    ],
    [
        "Which of these is {a_x}: {or_list}?",
        "Which one is {a_x}: {or_list}?",
        "Which is {a_x}: {or_list}?",
        "{or_list}: which one is {a_x}?",
        "Choose {a_x} from these: {or_list}.",
    ],
    [
        "Find {a_x} among these: {or_list}.",
        "Only one of these is {a_x}: {or_list}. Which one is it?",
        "Which of these things is a kind of {x}: {or_list}?",
    ],
)

SPELLING_FRAMES = [
    "The word {x} is spelt {spelt}.",
    "{X} is spelt {spelt}.",
    "Spell {x}: {spelt}.",
]


def _letter(place: str, verbs: str, index: int) -> Kind:
    """`place` is first or last, `verbs` is starts or ends."""
    verb = verbs[:-1]
    return Kind(
        _fixed(f"{place} letter", _letter_facts(index)),
        [
            f"The {place} letter of {{x}} is {{answer}}.",
            f"The word {{x}} {verbs} with {{answer}}.",
            f"{{X}} {verbs} with the letter {{answer}}.",
            f"{{spelt}}: the {place} letter is {{answer}}.",
            *SPELLING_FRAMES,
        ],
        [
            f"What is the {place} letter of {{x}}?",
            f"Which letter does {{x}} {verb} with?",
            f"What letter does the word {{x}} {verb} with?",
            f"Which letter is {place} in {{x}}?",
            f"{{X}} {verbs} with which letter?",
            f"Give the {place} letter of the word {{x}}.",
        ],
        [f"Name the {place} letter in the word {{x}}.", f"With which letter does the word {{x}} {verb}?"],
    )


WORD_LENGTHS = Kind(
    _draw_word_length,
    [
        "The word {x} has {answer} letters.",
        "{X} has {answer} letters: {spelt}.",
        "There are {answer} letters in {x}.",
        "{spelt} is {answer} letters long.",
        *SPELLING_FRAMES,
    ],
    [
        "How many letters are in {x}?",
        "How many letters does {x} have?",
        "How many letters are there in the word {x}?",
        "How long is the word {x}, in letters?",
    ],
    ["Count the letters in the word {x}.", "The word {x} is how many letters long?"],
)

CAPITAL_OF = Kind(
    _fixed("capital of", _facts(CAPITAL_ROWS)),
    [
        "The capital of {x} is {answer}.",
        "{answer} is the capital of {x}.",
        "{answer} is the capital city of {x}.",
        "{x} has {answer} as its capital.",
        "The capital city of {x} is {answer}.",
        "In {x} the capital is {answer}.",
    ],
    [
        "What is the capital of {x}?",
        "Which city is the capital of {x}?",
        "What is the capital city of {x}?",
        "Do you know the capital of {x}?",
        "What is the name of the capital of {x}?",
        "Name the capital of {x}.",
    ],
    [
        "Name the city that is the capital of {x}.",
        "{x} has which city as its capital?",
        "Find the capital city of {x}.",
    ],
)

COUNTRY_OF = Kind(
    _fixed("country of", _facts(_turned(CAPITAL_ROWS))),
    [
        "{x} is the capital of {answer}.",
        "{x} is a city in {answer}.",
        "The country with the capital {x} is {answer}.",
        "{x} is in {answer}.",
    ],
    [
        "Which country has the capital {x}?",
        "In which country is {x}?",
        "{x} is the capital of which country?",
        "What country is the city {x} in?",
        "Find the country that {x} is in.",
    ],
    [
        "Name the country with the capital {x}.",
        "The city {x} is the capital of what country?",
        "Find the country that has {x} as its capital.",
    ],
)

YOUNG_OF = Kind(
    _fixed("young of", _facts(YOUNG_ROWS, themes=True)),
    [
        "A young {x} is called {a_answer}.",
        "The young of {a_x} is {a_answer}.",
        "{A_answer} is a young {x}.",
        "{A_x} was once {a_answer}.",
    ],
    [
        "What is a young {x} called?",
        "What do you call a young {x}?",
        "What is the name of a young {x}?",
        "Do you know what a young {x} is called?",
        "Give the word for a young {x}.",
    ],
    ["Name the young of {a_x}.", "What was {a_x} called when it was young?", "Which word is the name of a young {x}?"],
)

PARENT_OF = Kind(
    _fixed("parent of", _facts(_turned(YOUNG_ROWS), themes=True)),
    ["{A_x} grows up to be {a_answer}.", "{A_x} is a young {answer}.", "When it is grown, {a_x} is {a_answer}."],
    [
        "What does {a_x} grow up to be?",
        "{A_x} is the young of which animal?",
        "Which animal is {a_x} when it is grown?",
    ],
    [
        "Name the animal that was once {a_x}.",
        "{A_x} is a young animal of which kind?",
        "When {a_x} is grown up, what is it?",
    ],
)

SOUND_OF = Kind(
    _fixed("sound of", _facts(SOUND_ROWS, themes=True)),
    [
        "The sound of {a_x} is {answer}.",
        "{A_x} says {answer}.",
        "{Answer} is the sound of {a_x}.",
        "{Answer}, says the {x}.",
    ],
    [
        "What does {a_x} say?",
        "What sound does {a_x} make?",
        "What is the sound of {a_x}?",
        "Which sound does the {x} make?",
    ],
    ["Name the sound of {a_x}.", "{A_x} makes which sound?", "Which sound is made by {a_x}?"],
)

MAKER_OF = Kind(
    _fixed("maker of", _facts(_turned(SOUND_ROWS), themes=True)),
    [
        "{Answer} and {x}: the animal and its sound.",
        "The animal that says {x} is {a_answer}.",
        "{X} is a sound made by {a_answer}.",
        "{A_answer} makes the sound {x}.",
    ],
    ["Which animal says {x}?", "What animal makes the sound {x}?", "What animal says {x}?"],
    ["Name the animal that says {x}.", "The sound {x} is made by which animal?", "Find the animal with the sound {x}."],
)

HOME_OF = Kind(
    _fixed("home of", _facts(HOME_ROWS, themes=True)),
    [
        "{A_x} lives in {a_answer}.",
        "The home of {a_x} is {a_answer}.",
        "{A_answer} is the home of {a_x}.",
        "{A_x} has its home in {a_answer}.",
    ],
    ["Where does {a_x} live?", "What is the home of {a_x} called?", "In what does {a_x} live?"],
    ["Name the home of {a_x}.", "{A_x} has its home in what?", "Which home does {a_x} have?"],
)

LIST_LENGTHS = Kind(
    _draw_list_length,
    [
        "{list}: that is {answer} things.",
        "There are {answer} things in this list: {list}.",
        "{and_list} are {answer} things.",
        "Count them: {list}. That makes {answer}.",
        "On the shelf: {list}. There are {answer} things on the shelf.",
    ],
    [
        "How many things are in this list: {list}?",
        "How many things are there: {list}?",
        "Count the things: {list}. How many are there?",
        "{list}: how many things is that?",
        "On the shelf: {list}. How many things are on the shelf?",
    ],
    [
        "What is the number of things in this list: {list}?",
        "Count the things in the list {list}.",
        "The list is {list}. How many things are there in it?",
    ],
)

REPEATS = Kind(
    _draw_repeats,
    [
        "{row}: the word {x} is there {answer} times.",
        "In {row} there is {x} {answer} times.",
        "{X} stands {answer} times in {row}.",
        "Here {x} stands {answer} times: {row}.",
    ],
    [
        "How many times is {x} in {row}?",
        "{row}: how many times does {x} stand there?",
        "How many times do you see {x} in {row}?",
    ],
    ["Count how many times the word {x} stands here: {row}.", "What is the number of times that {x} is in {row}?"],
)

SUBJECTS = {
    "addition_and_subtraction": [ADDITION, SUBTRACTION],
    "comparison": [
        _comparison(max, "biggest", "largest", "greatest", "bigger"),
        _comparison(min, "smallest", "least", "lowest", "smaller"),
    ],
    "alphabetical_order": [
        _word_order(min, "first", "before"),
        _word_order(max, "last", "after"),
        *[_step("letter", ALPHABET, step) for step in (1, -1)],
    ],
    "months_and_days": [
        *[_step("day", DAYS, step) for step in (1, -1, 2, -2)],
        *[_step("month", MONTHS, step) for step in (1, -1, 2, -2)],
        MONTH_NUMBERS,
    ],
    "units": [UNIT_SIZES],
    "opposites": [OPPOSITE_WORDS],
    "categories": [CATEGORY_OF, MEMBER_OF],
    "spelling": [
        _letter("first", "starts", 0),
        _letter("last", "ends", -1),
        WORD_LENGTHS,
    ],
    "capitals": [CAPITAL_OF, COUNTRY_OF],
    "animals": [YOUNG_OF, PARENT_OF, SOUND_OF, MAKER_OF, HOME_OF],
    "counting": [LIST_LENGTHS, REPEATS],
}

# Skills with far more instances than a list of facts get more of the corpus.
CORPUS_WEIGHTS = {"addition_and_subtraction": 3, "alphabetical_order": 2, "spelling": 2}


# ---------------------------------------------------------------------------------------------
# Corpus and test
# ---------------------------------------------------------------------------------------------


def make_corpus(rng: random.Random, n: int, quiz_share: float = 0.25) -> list[str]:
    """`n` short documents: statements, plain questions with answers, and multiple-choice quizzes.

    `quiz_share` of the documents are quizzes of 2 to 5 questions in the very form of the test
    ("QUESTION", "A. x" ... "D. w", "Answer: B"), half of them under MMLU's heading. So the base
    has seen the multiple-choice form, but never a question of the test: quizzes, like all of the
    corpus, use corpus wordings and corpus items only. The other documents hold no letters.

    Raises ValueError when quiz_share is not between 0 and 1.
    """
    if not 0 <= quiz_share <= 1:
        raise ValueError(f"quiz_share must lie between 0 and 1, got {quiz_share}")
    subjects = list(SUBJECTS)
    weights = [CORPUS_WEIGHTS.get(subject, 1) for subject in subjects]
    documents = []
    for subject in rng.choices(subjects, weights, k=n):
        if rng.random() < quiz_share:
            documents.append(_quiz(rng, subject))
        else:
            documents.append(rng.choice([_statements, _questions])(rng, subject))
    return documents


def make_test(rng: random.Random, n: int) -> list[dict]:
    """`n` held-out questions, spread evenly over the subjects and grouped by subject.

    Each is a dict of subject, question, choices (four different texts) and answer (index of the
    right one). No two of a subject share both question and right answer, and within a subject
    every four in a row have their answers at A, B, C and D in some order.

    Raises ValueError when a subject has no so many different questions (n above about 2,800).
    """
    rows = []
    for place, (subject, kinds) in enumerate(SUBJECTS.items()):
        size = n // len(SUBJECTS) + (place < n % len(SUBJECTS))
        seen, answers, misses = set(), [], 0
        while len(seen) < size:
            question, draw = _ask(rng, rng.choice(kinds), test=True)
            if (question, draw.answer) in seen:
                misses += 1
                if misses == 1000:  # in a row: hardly anything new is left
                    raise ValueError(f"{subject} has no {size} different questions; ask for fewer")
                continue
            misses = 0
            seen.add((question, draw.answer))
            answers = answers or rng.sample(range(4), 4)
            answer = answers.pop()
            choices = rng.sample(draw.wrong, 3)
            choices.insert(answer, draw.answer)
            rows.append({"subject": subject, "question": question, "choices": choices, "answer": answer})
    return rows


def write_mmlu_files(folder, seed: int, n: int = TEST_SIZE) -> list[str]:
    """Write the test in MMLU's file format and return the subjects' names.

    folder/test/<subject>_test.csv hold `n` questions in all, folder/dev/<subject>_dev.csv five
    few-shot rows each, held out from the corpus and different from the test's. Columns: question,
    choice0 ... choice3, answer (index 0 to 3). Same seed and n, same bytes.

    Raises ValueError when n leaves a subject without a question or asks for too many.
    """
    if n < len(SUBJECTS):
        raise ValueError(f"n must be at least {len(SUBJECTS)}, one question per subject; got {n}")
    rows = make_test(random.Random(seed), n + DEV_ROWS * len(SUBJECTS))
    for subject in SUBJECTS:
        own = [row for row in rows if row["subject"] == subject]
        for split, part in (("dev", own[:DEV_ROWS]), ("test", own[DEV_ROWS:])):
            write_text(Path(folder) / split / f"{subject}_{split}.csv", _mmlu_csv(part))
    return list(SUBJECTS)


def _mmlu_csv(rows: list) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["question", "choice0", "choice1", "choice2", "choice3", "answer"])
    writer.writerows([row["question"], *row["choices"], row["answer"]] for row in rows)
    return text.getvalue()


def _draw(rng: random.Random, kind: Kind, test: bool) -> Draw:
    while True:
        draw = kind.draw(rng)
        if held_out(draw.key) == test:
            return draw


def _say(template: str, draw: Draw) -> str:
    answer = draw.answer
    fills = {**draw.fills, "answer": answer}
    if "_answer}" in template or "{Answer}" in template:
        with_article = _with_article(answer)
        fills.update(Answer=_capitalised(answer), a_answer=with_article, A_answer=_capitalised(with_article))
    return template.format_map(fills)


def _ask(rng: random.Random, kind: Kind, test: bool = False) -> tuple[str, Draw]:
    draw = _draw(rng, kind, test)
    return _say(rng.choice(kind.test_questions if test else kind.questions), draw), draw


def _statements(rng: random.Random, subject: str) -> str:
    sentences = []
    for _ in range(rng.randint(3, 8)):
        kind = rng.choice(SUBJECTS[subject])
        sentences.append(_say(rng.choice(kind.statements), _draw(rng, kind, test=False)))
    return rng.choice([" ", "\n"]).join(sentences)


def _questions(rng: random.Random, subject: str) -> str:
    form, gap = rng.choice(
        [
            ("Question: {}\nAnswer: {}", "\n\n"),
            ("{} {}.", "\n"),
            ("{}\n{}", "\n\n"),
            ("{} The answer is {}.", " "),
            ("- {}\n- {}.", "\n"),
        ]
    )
    asked = [_ask(rng, rng.choice(SUBJECTS[subject])) for _ in range(rng.randint(2, 6))]
    return gap.join(form.format(question, draw.answer) for question, draw in asked)


def _quiz(rng: random.Random, subject: str) -> str:
    blocks = []
    for _ in range(rng.randint(2, 5)):
        question, draw = _ask(rng, rng.choice(SUBJECTS[subject]))
        choices = rng.sample([draw.answer, *draw.wrong], 4)
        lines = [question, *(f"{letter}. {text}" for letter, text in zip(LETTERS, choices, strict=True))]
        lines.append(f"Answer: {LETTERS[choices.index(draw.answer)]}")
        blocks.append("\n".join(lines))
    header = QUIZ_HEADER.format(subject=subject.replace("_", " ")) if rng.random() < 0.5 else ""
    return header + "\n\n".join(blocks)
