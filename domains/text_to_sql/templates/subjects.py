"""What the tables of a family have to do with one another, and the families of three and four tables.

A library: `subjects(split)`. The families of families.py come first, each with the link that it has; those below are
written shorter, a line a column: kind, words / synonyms = values or lowest..highest, comparatives.
"""

import re
from typing import NamedTuple

from domains.text_to_sql.templates.families import FAMILIES, Column, Family, Table

KIND_LETTERS = {"n": "name", "c": "category", "i": "integer", "r": "real", "d": "date"}


class Link(NamedTuple):
    """A foreign key: rows of `child` point at rows of `parent` (both by the table's singular).

    of: "placed by" (orders placed by customers); did: "placed" (customers have placed orders), or "" for "had";
    role: words of the key where it is not called after the parent, and then what the parent is to the child.
    """

    child: str
    parent: str
    of: str
    did: str = ""
    role: str = ""


class Across(NamedTuple):
    """Two tables that a third one ties many to many: students `of` ("enrolled in") courses, via enrolments."""

    one: str
    other: str
    via: str
    of: str


class Subject(NamedTuple):
    family: Family
    links: tuple
    across: tuple = ()


# What a row of the parent has done to those of the child, of the families of families.py; the others "have" them.
DID = {
    "book": "written",
    "movie": "directed",
    "car": "built",
    "project": "run",
    "course": "taught",
    "lab": "led",
    "tractor": "used",
    "gym member": "coached",
    "grocery item": "delivered",
    "wine": "grown",
    "bank client": "served",
    "court case": "heard",
    "cheese": "produced",
    "video game": "developed",
    "news article": "filed",
    "dental visit": "handled",
    "ski teacher": "hired",
    "sculpture": "carved",
    "beehive": "kept",
    "opera": "composed",
    "auction lot": "sold",
    "race horse": "trained",
    "medicine": "made",
    "dress": "designed",
}


def _column(line: str) -> Column:
    kind, words, *synonyms = (part.strip() for part in re.split(r"(?<=^\w) | / ", line.partition("=")[0]))
    kind, given = KIND_LETTERS[kind], " ".join(line.partition("=")[2].split())
    if kind in ("name", "category"):
        return Column(words, kind, tuple(one.strip() for one in given.split(",")), synonyms=tuple(synonyms))
    low, high, compared = re.fullmatch(r"([\d.]+)\.\.([\d.]+) ?(.*)", given).groups()
    number = float if kind == "real" else int
    more, _, less = compared.partition(", ")
    return Column(words, kind, (), number(low), number(high), tuple(synonyms), more, less)


def _table(nouns: str, columns: str) -> Table:
    singular, plural, *synonyms = nouns.split(", ")
    lines = re.sub(r"\n +(?! |[ncird] )", " ", columns.strip()).split("\n")
    return Table(singular, plural, tuple(_column(line.strip()) for line in lines), tuple(synonyms))


def _subject(name: str, split: str, missing: str, links: tuple, across: tuple, *tables: Table) -> Subject:
    family = Family(name, split, tables, tuple(" ".join(one.split()) for one in missing.split(",")))
    return Subject(family, links, across)


SUBJECTS = (
    _subject(
        "web shop",
        "sft",
        "shoe size, loyalty points, discount code, gift wrap, newsletter consent, return reason",
        (
            Link("order", "customer", "placed by", "placed"),
            Link("order line", "order", "belonging to"),
            Link("order line", "product", "for"),
        ),
        (Across("order", "product", "order line", "containing"),),
        _table(
            "customer, customers, shoppers, buyers",
            """n full name / name = Ada Brook, Ben Cole, Chloe O'Hara, Dan Frost, Eva Lund, Finn Moss, Gina D'Amico,
            Hal Reyes, Ivy Stone, Jon Webb, Kim Tan, Lea Vogt
            c city / town = Leeds, York, Bristol, Cardiff, Derby
            c segment / customer group = Private, Business, School
            d signup date / date of signing up = 2017..2023
            r credit limit = 100..5000""",
        ),
        _table(
            "order, orders, purchases",
            """d order date / date of the order = 2019..2023
            c order status / state of the order = Open, Paid, Shipped, Cancelled
            c payment method / way of paying = Card, Invoice, Cash
            r order total / order value = 10..900
            i parcel count / number of parcels = 1..6
            d shipping date = 2019..2023""",
        ),
        _table(
            "product, products, goods",
            """n product name / name = Desk Lamp, Tea Kettle, Bath Towel, Wall Clock, Door Mat, Garden Hose,
            Cook's Knife,
            Picture Frame, Bread Box, Floor Fan, Coat Rack, Candle Set
            c product category / category = Kitchen, Bath, Garden, Living, Hall
            r price / cost = 3..120 more expensive, cheaper
            i stock / pieces in stock = 0..200
            r weight / weight in kilos = 0.2..12 heavier, lighter""",
        ),
        _table(
            "order line, order lines, order positions",
            """i quantity / number of pieces = 1..12
            r unit price / price of one piece = 3..120
            c remark = fragile, gift, spare, sample""",
        ),
    ),
    _subject(
        "clinic",
        "sft",
        "insurance number, allergy, eye colour, parking space, language spoken, marital status",
        (
            Link("consultation", "outpatient", "booked by", "booked"),
            Link("consultation", "doctor", "held by", "held"),
            Link("prescription", "consultation", "issued at"),
        ),
        (Across("outpatient", "doctor", "consultation", "seen by"),),
        _table(
            "outpatient, outpatients",
            """n patient name / name = Alma Reed, Boris Falk, Cora Shaw, Dev Patel, Ella Quinn, Felix Wood,
            Greta O'Neal,
            Hans Iversen, Ines Marti, Jack Orr, Kara Bond, Luis Vega
            c gender = Female, Male
            c hometown / town = Ashby, Milford, Dunmore, Selby
            i birth year / year of birth = 1935..2015
            r body weight / weight = 14..120 heavier, lighter""",
        ),
        _table(
            "doctor, doctors, physicians",
            """n doctor name / name = Dr Abel, Dr Baum, Dr Chen, Dr Dietz, Dr Eriksen, Dr Fox, Dr Gill, Dr Hart,
            Dr Imhof
            c field / special field = Heart, Skin, Bones, Eyes, Children
            i working years / years of work = 1..38
            r fee / consultation fee = 40..260
            c office building / building = North, South, Annex""",
        ),
        _table(
            "consultation, consultations",
            """d consultation date / day of the consultation = 2020..2023
            c reason / reason for coming = Check-up, Pain, Vaccination, Follow-up
            i minutes / length in minutes = 5..60 longer, shorter
            r bill / amount billed = 20..400
            c outcome = Healed, Referred, No show""",
        ),
        _table(
            "prescription, prescriptions",
            """n drug name / drug = Amoxil, Brufen, Cetrin, Doxal, Enalap, Flutin, Glimet, Heparol, Ibumax, Ketral,
            Lorano,
            Metfor
            i daily dose / dose a day = 1..6
            i treatment days / days of treatment = 3..60
            c drug class = Antibiotic, Painkiller, Antihistamine""",
        ),
    ),
    _subject(
        "staff",
        "sft",
        "home address, marital status, bank account, shoe size, nickname, favourite food",
        (
            Link("coworker", "coworker", "reporting to", "", "manager"),
            Link("coworker", "unit", "working in"),
            Link("assignment", "coworker", "handed to", "taken on"),
            Link("assignment", "client project", "on"),
        ),
        (Across("coworker", "client project", "assignment", "assigned to"),),
        _table(
            "coworker, coworkers, colleagues",
            """n name / full name = Amir Said, Beth Lowe, Carl Lind, Dina Roth, Emil Kane, Faye O'Dell, Gus Marsh,
            Hilda Fry,
            Ian Bell, Joan Pike, Karl Jung, Lotte Berg, Milo Hart, Nora Vance
            c position / job = Clerk, Analyst, Engineer, Director
            i salary / pay = 24000..98000
            d start date / first day at work = 2009..2023
            i age / age in years = 20..64 older, younger
            i sick days / days of sick leave = 0..30""",
        ),
        _table(
            "unit, units, business units",
            """n unit name / name = Sales, Research, Logistics, Finance, Support, Legal, Marketing, Quality
            c location / site = Basel, Turin, Lyon, Graz
            i budget / yearly money = 100000..900000
            i room count / number of rooms = 3..60""",
        ),
        _table(
            "client project, client projects",
            """n project name / name = Aurora, Beacon, Cobalt, Delta, Ember, Fjord, Granite, Harbor, Indigo, Juniper
            c project status / status = Planned, Running, Finished, Stopped
            d deadline / due date = 2021..2025
            r contract value / value of the contract = 5000..250000""",
        ),
        _table(
            "assignment, assignments",
            """c task / kind of task = Lead, Design, Test, Review
            i hours / hours booked = 2..180
            d assignment date / date of assignment = 2020..2024""",
        ),
    ),
    _subject(
        "music",
        "sft",
        "producer, cover artist, chart position, music video, vinyl colour, ticket price",
        (
            Link("album", "band", "released by", "recorded"),
            Link("song", "album", "on"),
            Link("download", "song", "of"),
        ),
        (),
        _table(
            "band, bands, groups of musicians",
            """n band name / name = Paper Moon, The Old Saints, Velvet Tide, Iron Lark, Night Bus, Kings of Rain,
            Salt Flats,
            Blue Static, Wild Acre, Lady Ghost
            c country / home country = Ireland, Canada, Sweden, Japan, Brazil
            c style / music style = Rock, Folk, Jazz, Electronic
            i founding year / year of founding = 1965..2018 newer, older
            i member count / number of members = 1..9 larger, smaller""",
        ),
        _table(
            "album, albums, records",
            """n album title / title = First Light, Low Water, Hotel Rooms, Long Shadows, Tin Roof, Second Skin,
            Open Roads,
            Dust, Echoes of June, Don't Wait, Harvest Home, Mirrors
            c label / record label = Northstar, Bluebird, Cellar, Meteor
            d release date / date of release = 1999..2023
            i copies sold / sold copies = 900..400000
            r review score / score = 2..9.8""",
        ),
        _table(
            "song, songs, tunes",
            """n song title / title = Rain on Tin, Stay, Harbour Lights, Run Slow, Glass, Who's There, Kite,
            Lantern, Old
            Friend, Silver, Tomorrow, Wires, Yellow Door, Zero
            i length / length in seconds = 90..480 longer, shorter
            c mood = Happy, Sad, Calm, Angry
            i tempo / beats per minute = 60..180 faster, slower
            i play count / number of plays = 100..90000""",
        ),
        _table(
            "download, downloads",
            """d download date / day of the download = 2021..2023
            c device / kind of device = Phone, Laptop, Car, Speaker
            i seconds played / seconds heard = 5..480""",
        ),
    ),
    _subject(
        "bookings",
        "sft",
        "dress code, catering firm, wifi password, sponsor, parking fee, age limit",
        (
            Link("event", "venue", "taking place at", "hosted"),
            Link("booking", "event", "for"),
            Link("booking", "guest", "made by", "made"),
        ),
        (Across("guest", "event", "booking", "booked for"),),
        _table(
            "venue, venues",
            """n venue name / name = Corn Hall, The Foundry, City Arena, Park Stage, Old Chapel, River House, St John's,
            Dock Six
            c district / part of town = Centre, Harbour, Hillside, Old Town
            i capacity / number of places = 60..5000 larger, smaller
            r hourly rent / rent per hour = 30..700
            i opening year / year of opening = 1890..2019""",
        ),
        _table(
            "event, events",
            """n event title / title = Jazz Night, Poetry Slam, Spring Fair, Chess Open, Wine Tasting, Film Gala,
            Book Day,
            Food Market, New Year's Ball, Science Show, Craft Sunday, Quiz Evening
            c event type / type = Music, Market, Talk, Dance
            d event date / day of the event = 2021..2024
            r entry price / price of entry = 0..80 more expensive, cheaper
            i helper count / number of helpers = 2..40""",
        ),
        _table(
            "guest, guests, visitors",
            """n guest name / name = Tara Boyd, Uwe Klein, Vera Novak, Will Hunt, Xenia Pop, Yan Li, Zoe March,
            Abe O'Toole,
            Bea Finch, Cem Aydin, Dora Hill, Ed Rowe
            c home town / town = Linz, Ghent, Turku, Cork
            i age / age in years = 16..85 older, younger
            d last visit / date of the last visit = 2019..2024""",
        ),
        _table(
            "booking, bookings, reservations",
            """i seats / number of seats = 1..10
            d booking date / day of booking = 2020..2024
            r amount paid / paid amount = 5..600
            c booking channel / channel = Web, Phone, Box office""",
        ),
    ),
    _subject(
        "deliveries",
        "sft",
        "licence plate, fuel card, tyre pressure, home phone, insurance firm, cargo type",
        (
            Link("delivery", "driver", "driven by", "driven"),
            Link("delivery", "truck", "made with"),
            Link("driver", "driver", "trained by", "trained", "trainer"),
        ),
        (Across("driver", "truck", "delivery", "who have driven"),),
        _table(
            "driver, drivers",
            """n driver name / name = Aldo Serra, Bjorn Dahl, Cyril Roux, Dario Costa, Emre Kaya, Frank O'Leary,
            Goran Ilic,
            Henk Visser, Igor Blok, Jens Holm, Kurt Weiss, Luca Bruno
            c home base / base = Dover, Calais, Bremen, Genoa
            i hire year / year of hiring = 1995..2022
            i accident count / number of accidents = 0..7
            r hourly pay / pay per hour = 11..34""",
        ),
        _table(
            "truck, trucks, lorries",
            """n truck code / code = TR-01, TR-02, TR-03, TR-04, TR-05, TR-06, TR-07, TR-08, TR-09
            c make / brand = Volvo, Scania, Iveco, DAF
            i model year / year of the model = 2004..2023 newer, older
            r payload / payload in tons = 3..28
            i mileage / distance driven = 12000..900000""",
        ),
        _table(
            "delivery, deliveries, drops",
            """d delivery date / day of delivery = 2021..2023
            c delivery state / state = On time, Late, Lost
            i distance / distance in kilometres = 8..1200 longer, shorter
            r freight cost / cost of freight = 40..2600
            i pallet count / number of pallets = 1..33""",
        ),
    ),
    _subject(
        "college",
        "sft",
        "email address, locker number, allergy, bus line, parent name, blood group",
        (
            Link("enrolment", "student", "of", "", ""),
            Link("enrolment", "seminar", "in"),
            Link("seminar", "tutor", "taught by", "taught"),
        ),
        (Across("student", "seminar", "enrolment", "enrolled in"),),
        _table(
            "student, students, undergraduates",
            """n student name / name = Ana Ruiz, Bo Larsen, Cleo Hart, Dirk Maas, Elif Demir, Fay Burton,
            Gil Navarro, Hana
            Kim, Ida O'Shea, Jo Winter, Kai Ono, Lia Serra, Max Beck
            c major / main subject = Biology, History, Physics, Law
            i entry year / year of entry = 2015..2023
            r grade average / average grade = 1..4
            c dormitory / hall of residence = East, West, Lake""",
        ),
        _table(
            "seminar, seminars, classes",
            """n seminar title / title = Ethics, Optics, Roman Law, Genetics, World Trade, Logic, Ancient Greece,
            Statistics,
            Ecology, Modern Art
            i credit points / credits = 2..12
            c semester / term = Spring, Autumn, Summer
            i seat limit / number of seats = 8..60
            c room / seminar room = R1, R2, R3, R4""",
        ),
        _table(
            "tutor, tutors",
            """n tutor name / name = Prof Adler, Prof Blum, Prof Crane, Prof Doyle, Prof Engel, Prof Faure, Prof Grant
            c institute = Arts, Science, Law
            i teaching years / years of teaching = 1..40
            r evaluation / evaluation score = 1..5""",
        ),
        _table(
            "enrolment, enrolments, registrations",
            """d enrolment date / date of enrolment = 2018..2023
            r mark / final mark = 1..6
            c exam form / form of the exam = Written, Oral, Paper
            i missed hours / hours missed = 0..20""",
        ),
    ),
    _subject(
        "insurance",
        "sft",
        "tax number, smoker status, agent phone, risk class, contract pdf, bonus level",
        (
            Link("policy", "policy holder", "held by", "taken out"),
            Link("claim", "policy", "filed under"),
            Link("claim", "adjuster", "handled by", "handled"),
        ),
        (),
        _table(
            "policy holder, policy holders, insured people",
            """n holder name / name = Agnes Wolf, Bruno Tamm, Celia Rios, Doug Penn, Edda Storm, Franz Huber,
            Gwen O'Keefe,
            Hugo Lima, Inga Falk, Jorge Paz, Kate Rush
            c canton / region = Bern, Vaud, Uri, Zug
            i birth year / year of birth = 1940..2002
            i household size / people in the household = 1..7""",
        ),
        _table(
            "policy, policies",
            """n policy code / code = PL-100, PL-101, PL-102, PL-103, PL-104, PL-105, PL-106, PL-107, PL-108,
            PL-109, PL-110,
            PL-111, PL-112
            c cover type / kind of cover = Car, Home, Travel, Life
            r yearly premium / premium = 60..2400
            i insured sum / sum insured = 5000..500000
            d policy start / start of the policy = 2010..2023""",
        ),
        _table(
            "claim, claims",
            """d claim date / day of the claim = 2018..2023
            c damage type / kind of damage = Fire, Water, Theft, Accident
            r claimed sum / sum claimed = 100..40000
            r paid sum / sum paid = 0..30000
            c claim status / state of the claim = Open, Settled, Rejected""",
        ),
        _table(
            "adjuster, adjusters",
            """n adjuster name / name = Olga Prinz, Pete Snow, Quentin Roy, Rosa Diaz, Sven Aas, Tilda Wren
            c rank = Junior, Senior, Chief
            i case limit / number of cases allowed = 5..50""",
        ),
    ),
    _subject(
        "estate agency",
        "sft",
        "energy rating, school nearby, noise level, mortgage, neighbour, swimming pool",
        (
            Link("house", "estate agent", "offered by", "offered"),
            Link("viewing", "house", "of"),
            Link("viewing", "prospect", "attended by", "attended"),
        ),
        (Across("prospect", "house", "viewing", "who viewed"),),
        _table(
            "estate agent, estate agents",
            """n agent name / name = Alan Price, Brigid Nye, Colm O'Rourke, Dee Long, Enzo Gatti, Flo Hughes, Greg Moran
            c branch / branch office = Downtown, Suburbs, Coast
            i career start / year the career began = 1988..2021
            r commission / commission rate = 1..6""",
        ),
        _table(
            "house, houses, homes",
            """n street / street name = Oak Lane 4, Mill Road 11, High Street 30, Elm Court 2, King's Row 8,
            Hill Drive 5,
            Lake View 1, Park Avenue 77, Station Road 6, Rose Alley 9, Bay Street 14, North End 3
            c house type / type = Detached, Terraced, Bungalow, Cottage
            i asking price / price asked = 90000..950000 more expensive, cheaper
            i bedroom count / number of bedrooms = 1..7
            i plot size / plot in square metres = 120..2500 larger, smaller
            i building year / year of building = 1850..2022 newer, older""",
        ),
        _table(
            "prospect, prospects, interested people",
            """n prospect name / name = Mona Ives, Ned Pratt, Ophelia Rey, Paul Otto, Queenie Low, Rob Teller,
            Sue Ames, Tom
            Lister, Una Byrne
            i budget / money to spend = 100000..900000
            c origin / where they come from = Local, Abroad, Other county""",
        ),
        _table(
            "viewing, viewings",
            """d viewing date / day of the viewing = 2021..2024
            i duration / minutes spent = 10..90 longer, shorter
            c impression = Good, Fair, Poor
            i offer / offer made = 80000..900000""",
        ),
    ),
    _subject(
        "blog",
        "sft",
        "password, ip address, phone number, banner image, reading time, newsletter",
        (
            Link("post", "blog writer", "written by", "written"),
            Link("comment", "post", "on"),
            Link("comment", "user account", "left by", "left"),
        ),
        (Across("user account", "post", "comment", "who commented on"),),
        _table(
            "blog writer, blog writers, bloggers",
            """n pen name / name = Inkwell, Marlow, Juno, Pip, Old Fox, Quill, Red Ada, Sparrow, Tinker
            c home country / country = Chile, Ghana, Poland, India
            i birth year / year of birth = 1955..2003
            d joining date / day of joining = 2012..2022""",
        ),
        _table(
            "post, posts",
            """n post title / title = On Walking, Why Bread, City Bees, My Desk, Snow Again, Two Trains,
            Dad's Garden, The List,
            Late Summer, Small Talk, Good Pens, Night Shift
            c topic / subject = Travel, Food, Nature, Work
            d publication date / date of publication = 2018..2024
            i view count / number of views = 20..90000
            i word count / number of words = 150..4000 longer, shorter""",
        ),
        _table(
            "user account, user accounts, users",
            """n user name / name = annb, bob77, cat.lady, dino, elik, fern, gogo, hex, iris9, jay, kit, luna
            c plan / subscription = Free, Basic, Premium
            d account start / start of the account = 2016..2024
            i login count / number of logins = 1..3000""",
        ),
        _table(
            "comment, comments, replies",
            """d comment date / day of the comment = 2019..2024
            i like count / number of likes = 0..400
            c comment state / state = Visible, Hidden, Flagged
            i character count / number of characters = 5..900 longer, shorter""",
        ),
    ),
    _subject(
        "monitoring",
        "sft",
        "firmware version, battery type, ip address, warranty end, serial number, paint",
        (
            Link("sensor", "station", "mounted at"),
            Link("reading", "sensor", "taken by", "taken"),
            Link("service visit", "station", "paid to"),
        ),
        (),
        _table(
            "station, stations",
            """n station name / name = North Gate, Ridge Top, Canal Bank, Airport Road, Quarry, Lighthouse Point,
            Farmer's Field,
            Old Town
            c terrain / kind of terrain = Hill, Valley, Coast, Urban
            i altitude / height above sea level = 2..2400 higher, lower
            d setup date / day of setting up = 2005..2022""",
        ),
        _table(
            "sensor, sensors, probes",
            """n sensor code / code = S-11, S-12, S-13, S-21, S-22, S-23, S-31, S-32, S-41, S-42, S-43, S-51
            c quantity / measured quantity = Temperature, Humidity, Wind, Rain
            c manufacturer / maker = Sensotec, Halio, Norvis
            r accuracy = 0.1..4
            i interval / seconds between readings = 10..3600""",
        ),
        _table(
            "reading, readings, measurements",
            """d reading date / day of the reading = 2020..2024
            r level / measured level = 0..99
            c quality flag / quality = Good, Suspect, Bad
            i delay / delay in seconds = 0..300""",
        ),
        _table(
            "service visit, service visits",
            """d service date / day of service = 2018..2024
            c work done / kind of work = Cleaning, Repair, Check
            r service cost / cost of the service = 30..1500""",
        ),
    ),
    _subject(
        "league",
        "sft",
        "ticket sales, referee, weather, injury list, sponsor name, lawn type",
        (
            Link("fixture", "soccer club", "played at home by", "", "home club"),
            Link("fixture", "stadium", "played in", "hosted"),
            Link("striker", "soccer club", "playing for", "signed"),
        ),
        (),
        _table(
            "soccer club, soccer clubs",
            """n club name / name = Rovers, Wanderers, Athletic, Union, Albion, Rangers, Olympic, Victoria
            c city / home city = Porto, Lille, Bergen, Split
            i founding year / year of founding = 1888..1999 newer, older
            i member count / number of members = 400..90000 larger, smaller
            r yearly income / income in a year = 1..300""",
        ),
        _table(
            "fixture, fixtures, league games",
            """d match day / day of the game = 2021..2024
            i home score / goals of the home side = 0..6
            i guest score / goals of the guests = 0..6
            i spectators / number of spectators = 300..80000
            c competition = League, Cup, Friendly""",
        ),
        _table(
            "stadium, stadiums, grounds",
            """n stadium name / name = Ring, Bowl, Waterside, The Den, Eastfield, St Mary's, Parkhead
            c surface / kind of surface = Grass, Hybrid, Artificial
            i seat count / number of seats = 900..80000 larger, smaller""",
        ),
        _table(
            "striker, strikers",
            """n player name / name = Abdi, Borges, Cruz, Dembo, Eto, Falcao, Gomis, Haaland, Isak, Jota, Kane, Lukic
            i age / age in years = 17..38 older, younger
            i goals / goals scored = 0..40
            i assists / assists given = 0..25
            c nationality / nation = Danish, Ghanaian, Portuguese, Dutch
            r market price / market value = 0.5..90""",
        ),
    ),
    _subject(
        "restaurant",
        "sft",
        "tip, allergy, dress code, wine pairing, loyalty card, parking place",
        (
            Link("guest check", "waiter", "served by", "served"),
            Link("check line", "guest check", "on"),
            Link("check line", "menu dish", "for"),
        ),
        (Across("guest check", "menu dish", "check line", "with"),),
        _table(
            "waiter, waiters, servers at table",
            """n waiter name / name = Amelie, Bogdan, Claire, Dominic, Elsa, Fabio, Greg O'Leary, Hanna, Ivo
            c shift = Lunch, Evening, Weekend
            i training months / months of training = 1..36
            r hourly wage / wage per hour = 9..21""",
        ),
        _table(
            "menu dish, menu dishes, menu items",
            """n dish name / name = Onion Soup, Lamb Stew, Crab Cakes, Shepherd's Pie, Rice Bowl, Apple Strudel,
            Pea Risotto,
            Fish Curry, Plum Dumplings, Bean Salad, Roast Duck
            c course / part of the meal = Starter, Main, Dessert
            r price / cost = 4..38 more expensive, cheaper
            i calories / calorie count = 90..1200
            i cooking minutes / minutes to cook = 3..90 longer, shorter""",
        ),
        _table(
            "guest check, guest checks, bills",
            """n check number / number = C-1001, C-1002, C-1003, C-1004, C-1005, C-1006, C-1007, C-1008, C-1009, C-1010
            d visit date / day of the visit = 2022..2024
            r amount due / amount = 8..310
            i guest count / number of guests = 1..12 larger, smaller
            c payment / way of paying = Card, Cash, Voucher""",
        ),
        _table(
            "check line, check lines",
            """i portions / number of portions = 1..8
            c wish / special wish = Spicy, Mild, No salt, Large
            r discount = 0..12""",
        ),
    ),
    _subject(
        "television",
        "sft",
        "streaming price, subtitle language, filming place, stunt crew, theme song, costume budget",
        (
            Link("tv show", "broadcaster", "aired by", "aired"),
            Link("tv episode", "tv show", "of"),
            Link("audience figure", "tv episode", "for"),
        ),
        (),
        _table(
            "broadcaster, broadcasters, channels",
            """n channel name / name = Canal Uno, North TV, Blue Screen, Channel Six, Euro Vision One,
            Kids' Corner, Prime
            c country / home country = Spain, Poland, Ireland, Chile
            i launch year / year of the launch = 1951..2019 newer, older
            r market share / share of the market = 0.5..34""",
        ),
        _table(
            "tv show, tv shows, programmes",
            """n show title / title = Harbour Nights, The Bakers, Cold Files, Planet Us, Our Street, Dr Moon,
            Quiz Me, Old Friends,
            The Heir, Noah's Boat
            c genre / kind of show = Drama, Comedy, Quiz, News
            d first aired / date of the first airing = 2001..2023
            i season count / number of seasons = 1..18
            r viewer score / score = 2..9.7""",
        ),
        _table(
            "tv episode, tv episodes, instalments",
            """n episode title / title = Pilot, The Storm, Old Debts, Home Again, The Vote, Secrets, Two Doors,
            Night Call, Farewell,
            The Visitor, Lost Keys, What's Left
            i season number / season = 1..8
            i running minutes / length in minutes = 18..75 longer, shorter
            d air date / date of airing = 2005..2024""",
        ),
        _table(
            "audience figure, audience figures",
            """c age group / group of age = Kids, Teens, Adults, Seniors
            i viewers / number of viewers = 1000..900000
            r audience share / share of the audience = 0.5..48""",
        ),
    ),
    _subject(
        "stays",
        "sft",
        "minibar bill, pillow type, passport number, shuttle time, wake-up call, room scent",
        (
            Link("stay", "lodger", "made by", "made"),
            Link("stay", "suite", "in"),
            Link("suite", "housekeeper", "cleaned by", "cleaned"),
        ),
        (Across("lodger", "suite", "stay", "who stayed in"),),
        _table(
            "lodger, lodgers",
            """n lodger name / name = Ann Pryce, Bert Quist, Cara Doyle, Dov Levi, Elke Braun, Farid Nazari,
            Gail O'Shea, Hiro Ito,
            Ilse Kern, Jean Roy, Karl Benn
            c nationality / home nation = Irish, German, Japanese, Canadian
            i birth year / year of birth = 1945..2004 younger, older
            c loyalty tier / tier = Basic, Silver, Gold""",
        ),
        _table(
            "suite, suites",
            """n suite name / name = Aurora, Belvedere, Cypress, Diana, Empire, Fontana, Garden, Queen's Own
            c view / what it looks on = Lake, Park, Street
            i floor area / area in square metres = 24..180 larger, smaller
            r nightly rate / rate per night = 80..900 more expensive, cheaper
            i bed count / number of beds = 1..5""",
        ),
        _table(
            "housekeeper, housekeepers, cleaners",
            """n housekeeper name / name = Ada, Bruna, Celeste, Dunja, Emine, Flora, Gosia
            c work shift / shift = Early, Late, Night
            i employed since / year of employment = 1998..2023""",
        ),
        _table(
            "stay, stays",
            """d arrival date / day of arrival = 2021..2024
            i nights / number of nights = 1..21 longer, shorter
            r total paid / amount paid in total = 90..7000
            c booking source / source = Phone, Website, Agency
            i adult count / number of adults = 1..4""",
        ),
    ),
    _subject(
        "harvests",
        "sft",
        "fertiliser brand, weather, tractor plate, buyer, water rights, soil map",
        (
            Link("farm plot", "grower", "worked by", "worked"),
            Link("harvest", "farm plot", "from"),
            Link("harvest", "crop", "of"),
        ),
        (Across("farm plot", "crop", "harvest", "planted with"),),
        _table(
            "grower, growers",
            """n grower name / name = Alois Huber, Berit Sand, Colm Reilly, Dora Kuhn, Edvard Lie, Fanny Petit,
            Gino O'Dowd
            c valley / home valley = Upper, Middle, Lower
            i farming years / years of farming = 1..50
            i helper count / number of helpers = 0..40""",
        ),
        _table(
            "farm plot, farm plots, plots of land",
            """n plot name / name = Long Acre, Mill Field, Stony Patch, King's Meadow, South Slope, River Bend,
            Oak Corner, Top Piece,
            Barn Field
            c soil type / kind of soil = Clay, Sand, Loam
            r size / size in hectares = 0.4..38 larger, smaller
            i slope / slope in degrees = 0..24 steeper, flatter""",
        ),
        _table(
            "crop, crops",
            """n crop name / name = Barley, Beets, Carrots, Maize, Oats, Peas, Potatoes, Rye
            c season / growing season = Spring, Summer, Winter
            i growing days / days to grow = 50..240 longer, shorter
            r seed cost / cost of seed = 20..900""",
        ),
        _table(
            "harvest, harvests, yields",
            """d harvest date / day of the harvest = 2018..2024
            r tons / weight in tons = 0.5..90 heavier, lighter
            r sale value / value at sale = 100..30000
            c quality grade / grade = First, Second, Feed""",
        ),
    ),
    _subject(
        "help desk",
        "sft",
        "phone extension, chat transcript, contract pdf, holiday, screen size, browser",
        (
            Link("support case", "case worker", "handled by", "handled"),
            Link("support case", "client firm", "opened by", "opened"),
            Link("case worker", "case worker", "led by", "led", "team lead"),
        ),
        (Across("client firm", "case worker", "support case", "helped by"),),
        _table(
            "case worker, case workers",
            """n worker name / name = Aldo Fini, Bea Holt, Carl Oster, Dita Novak, Erin O'Neill, Fritz Amann,
            Gül Kaya, Henk Bos,
            Iris Lund, Jan Kok, Kim Berg
            c skill level / level of skill = First line, Second line, Expert
            i solved total / cases solved so far = 0..4200
            d hire date / day of hiring = 2010..2024
            r satisfaction / satisfaction score = 1..5""",
        ),
        _table(
            "client firm, client firms, business clients",
            """n firm name / name = Acorn Ltd, Birch & Co, Cedar Group, Dune Media, Elm Works, Fern Labs,
            Grove Bank, Hazel's Tools
            c sector / line of business = Retail, Health, Finance, Energy
            i seat licences / licences bought = 3..900
            d contract start / start of the contract = 2012..2023""",
        ),
        _table(
            "support case, support cases, trouble tickets",
            """n case title / title = No login, Slow start, Lost file, Blue screen, Wrong bill, Broken link,
            Print jam, Sync error,
            Can't export, Empty page, Double charge, Old data
            c priority / urgency = Low, Normal, High, Critical
            c case state / state = New, Waiting, Solved
            d opening date / day it was opened = 2021..2024
            i reply count / number of replies = 0..30
            r hours spent / time spent in hours = 0.2..40""",
        ),
    ),
    _subject(
        "space flight",
        "sft",
        "suit size, favourite meal, launch weather, blood type, spouse, fuel supplier",
        (
            Link("crew seat", "astronaut", "held by", "held"),
            Link("crew seat", "space mission", "on"),
            Link("space mission", "space agency", "run by", "run"),
        ),
        (Across("astronaut", "space mission", "crew seat", "who flew on"),),
        _table(
            "astronaut, astronauts, spacefarers",
            """n astronaut name / name = Ada Grey, Boris Kurt, Chen Wu, Dana Scott, Erik Moen, Fiona O'Brien,
            Goro Abe, Hella Stern,
            Ivan Petrov, Joy Adeyemi, Kiri Tane
            c nationality / nation = Russian, American, Chinese, Norwegian
            i birth year / year of birth = 1938..1992 younger, older
            i spacewalks / number of spacewalks = 0..10
            c former job / job before = Pilot, Doctor, Engineer, Teacher""",
        ),
        _table(
            "space mission, space missions",
            """n mission name / name = Ares One, Beacon, Corona Two, Dawn, Endeavour's Heir, Faith, Gemini Ten, Helios
            d launch date / day of the launch = 1968..2024
            i orbit count / number of orbits = 1..900
            r cost / cost in millions = 12..2400 more expensive, cheaper
            c mission goal / goal = Test, Science, Repair, Supply""",
        ),
        _table(
            "space agency, space agencies",
            """n agency name / name = Norspace, Agencia Sol, Pacific Launch, Eurostar, Red Horizon
            c seat / where it sits = Oslo, Madrid, Osaka, Bremen
            i founding year / year of founding = 1955..2012 newer, older
            i staff count / number of staff = 90..18000 larger, smaller""",
        ),
        _table(
            "crew seat, crew seats",
            """c crew role / role = Commander, Pilot, Specialist
            i days in space / days spent = 3..380 longer, shorter
            r salary bonus / bonus paid = 0..90""",
        ),
    ),
    _subject(
        "trams",
        "sft",
        "ticket colour, heating, driver name, seat fabric, advert, sound system",
        (
            Link("tram call", "tram line", "of"),
            Link("tram call", "tram stop", "at"),
            Link("disruption", "tram line", "on"),
        ),
        (Across("tram line", "tram stop", "tram call", "calling at"),),
        _table(
            "tram line, tram lines",
            """n line name / name = T1, T2, T3, T4, T5, T6, T7, T8
            c depot / home depot = East, West, Harbour
            r track length / length in kilometres = 3..28 longer, shorter
            i daily riders / riders a day = 900..60000
            i opening year / year of opening = 1890..2022 newer, older""",
        ),
        _table(
            "tram stop, tram stops",
            """n stop name / name = Town Hall, Old Bridge, St Anne's, Museum, Stadium, Hospital, Fish Market,
            University, Zoo Gate
            c fare zone / zone = A, B, C
            i bench count / number of benches = 0..12
            i platform length / length of the platform = 18..75 longer, shorter""",
        ),
        _table(
            "tram call, tram calls",
            """i stop order / place on the line = 1..20
            i minutes from start / minutes after the start = 0..70
            i boarding passengers / people getting on = 0..140""",
        ),
        _table(
            "disruption, disruptions",
            """d disruption date / day of the disruption = 2021..2024
            c reason / cause = Snow, Accident, Power, Works
            i delay minutes / minutes of delay = 2..180 longer, shorter""",
        ),
    ),
    _subject(
        "museum loans",
        "sft",
        "light level, restorer, crate size, guard, ticket price, audio guide",
        (
            Link("exhibit", "lending museum", "owned by", ""),
            Link("loan", "exhibit", "of"),
            Link("loan", "borrowing house", "to", "taken"),
        ),
        (Across("exhibit", "borrowing house", "loan", "lent to"),),
        _table(
            "lending museum, lending museums",
            """n museum name / name = City Museum, Folk House, Maritime Hall, Old Mint, People's Gallery, Royal Armoury
            c city / town = Lund, Ghent, Porto, Graz
            i founding year / year of founding = 1780..1998 newer, older
            i visitor count / visitors in a year = 4000..900000""",
        ),
        _table(
            "exhibit, exhibits, pieces on show",
            """n exhibit title / title = Bronze Horse, Silver Cup, Queen's Fan, Map of Spice, Clay Lamp, Iron Mask,
            Ivory Comb, Glass Bell,
            Oak Chest, Red Banner
            c material / made of = Metal, Clay, Wood, Cloth
            i creation year / year of creation = 900..1920 newer, older
            r insured value / value insured = 200..90000
            r weight / weight in kilos = 0.1..240 heavier, lighter""",
        ),
        _table(
            "borrowing house, borrowing houses",
            """n house name / name = Art Box, Bauer Hall, Casa Nova, Dome, East Wing, Forum
            c country / land = Norway, Italy, Greece
            i wall metres / metres of wall = 40..900""",
        ),
        _table(
            "loan, loans",
            """d loan date / first day of the loan = 2012..2024
            i loan weeks / weeks on loan = 2..60 longer, shorter
            r transport cost / cost of transport = 50..9000
            c loan state / state = Planned, Running, Returned""",
        ),
    ),
    _subject(
        "workshop",
        "dpo",
        "number of doors, insurance firm, seat cover, radio brand, road tax, paint code",
        (
            Link("repair", "vehicle", "done on", ""),
            Link("repair", "mechanic", "done by", "done"),
            Link("vehicle", "car owner", "belonging to", "registered"),
            Link("mechanic", "mechanic", "supervised by", "supervised", "foreman"),
        ),
        (Across("vehicle", "mechanic", "repair", "worked on by"),),
        _table(
            "vehicle, vehicles",
            """n plate / number plate = KL 101, KL 202, MN 303, MN 404, OP 505, OP 606, QR 707, QR 808, ST 909, ST 110
            c engine / kind of engine = Petrol, Diesel, Electric
            i construction year / year of construction = 1998..2023 newer, older
            i kilometres / kilometres driven = 900..320000
            c body / body style = Estate, Saloon, Van""",
        ),
        _table(
            "car owner, car owners",
            """n owner name / name = Ali Baran, Berta Gil, Conor O'Brien, Dag Moe, Esra Tok, Flavia Neri,
            Georg Abt, Hedda Sand
            c village / home village = Ahrdorf, Binz, Calw
            i birth year / year of birth = 1938..2004""",
        ),
        _table(
            "mechanic, mechanics, fitters",
            """n mechanic name / name = Otto, Pavel, Quint, Ruben, Samir, Theo, Ugo, Vik, Wim, Yusuf
            c skill / special skill = Brakes, Engine, Body, Tyres
            r hourly rate / rate per hour = 25..95
            i training year / year of training = 1985..2022""",
        ),
        _table(
            "repair, repairs, jobs",
            """d repair date / day of the repair = 2019..2024
            c repair type / kind of repair = Oil, Brakes, Battery, Exhaust
            r parts cost / cost of the parts = 5..1900
            r labour cost / cost of labour = 20..1200
            i work hours / hours worked = 1..20""",
        ),
    ),
    _subject(
        "vet",
        "dpo",
        "chip number, passport, favourite toy, kennel, pedigree, coat length",
        (
            Link("pet", "pet owner", "owned by", "brought in"),
            Link("treatment", "pet", "for"),
            Link("treatment", "veterinarian", "performed by", "performed"),
        ),
        (Across("pet", "veterinarian", "treatment", "treated by"),),
        _table(
            "pet owner, pet owners",
            """n owner name / name = Aoife Daly, Bert Nolan, Cilla Fay, Dora Kemp, Eamon O'Dea, Fritz Lutz, Gerda Holt
            c neighbourhood / part of town = Riverside, Uptown, Meadows
            i pet count / number of pets = 1..6""",
        ),
        _table(
            "pet, pets",
            """n pet name / name = Bello, Caramel, Daisy, Elvis, Fluffy, Gizmo, Hazel, Iggy, Joker, Kiki, Loki,
            Minka, Nero
            c species / kind of animal = Cat, Hamster, Parrot, Rabbit
            i birth year / year of birth = 2006..2023 younger, older
            r body weight / weight in kilos = 0.1..48 heavier, lighter
            c sex = Female, Male""",
        ),
        _table(
            "veterinarian, veterinarians, vets",
            """n vet name / name = Dr Ames, Dr Boll, Dr Cato, Dr Drew, Dr Elm, Dr Finn
            c specialty / special field = Surgery, Teeth, Birds
            i practice years / years in practice = 1..35""",
        ),
        _table(
            "treatment, treatments",
            """d treatment date / day of treatment = 2020..2024
            c treatment type / kind of treatment = Vaccine, Operation, Check, Cleaning
            r treatment cost / cost of treatment = 15..900
            i nights / nights stayed = 0..9""",
        ),
    ),
    _subject(
        "union hall",
        "dpo",
        "shoe size, voting record, badge colour, locker, spouse, pension plan",
        (
            Link("union member", "union branch", "organised in", "admitted"),
            Link("due payment", "union member", "paid by", "paid"),
        ),
        (),
        _table(
            "union member, union members",
            """n member name / name = Alvaro Sanz, Bianca Rey, Curt Maier, Delia Ponce, Egon Vogel, Fiona O'Malley,
            Gabor Toth,
            Hertha Lang, Imre Kiss, Josef Nagy
            c trade / craft = Welder, Baker, Painter, Roofer
            d entry date / day of entry = 1995..2023
            i weekly hours / hours a week = 10..48
            r monthly wage / wage in a month = 900..5200""",
        ),
        _table(
            "union branch, union branches",
            """n branch name / name = Local 12, Local 27, Local 33, Local 48, Local 51, Local 60
            c province / region = Alberta, Quebec, Ontario
            i hall seats / seats in the hall = 40..700""",
        ),
        _table(
            "due payment, due payments",
            """d payment date / day of payment = 2019..2024
            r amount / amount paid = 5..120
            c payment type / way of paying = Transfer, Cash, Cheque""",
        ),
    ),
    _subject(
        "theatre",
        "dev",
        "wig colour, curtain time, prompter, costume size, parking, critic",
        (
            Link("stage role", "actor", "played by", "played"),
            Link("stage role", "play", "in"),
            Link("play", "playwright", "penned by", "penned"),
        ),
        (Across("actor", "play", "stage role", "cast in"),),
        _table(
            "actor, actors, performers",
            """n actor name / name = Asta Noor, Basil Rook, Carmen Ey, Dorian Hale, Edith O'Casey, Flynn Rush,
            Gala Mir, Hugh Penn,
            Isla Ford, Jude Marsh
            c home country / country = Wales, Malta, Latvia
            i birth year / year of birth = 1940..2002 younger, older
            r fee per show / fee for a show = 80..2500""",
        ),
        _table(
            "play, plays, stage plays",
            """n play title / title = The Gate, Winter King, Two Sisters, A Fool's Errand, Ashes, The Letter,
            Harvest Moon, Storms
            c play genre / genre = Comedy, Tragedy, Farce
            i premiere year / year of the premiere = 1890..2023 newer, older
            i running minutes / length in minutes = 45..210 longer, shorter""",
        ),
        _table(
            "playwright, playwrights",
            """n author name / name = Anders Rye, Berenice Moll, Cato Finch, Dulcie Orr, Evan Plum, Frida Katz
            c era = Classic, Modern, Romantic
            i award count / number of awards = 0..12""",
        ),
        _table(
            "stage role, stage roles, parts",
            """n role name / role = Anna, Bishop, Captain, Doctor, Emperor, Fool, Ghost, Herald, Innkeeper, Jester,
            Knight, Lady
            c role size / size of the role = Lead, Supporting, Silent
            i line count / number of lines = 0..400
            d first night / date of the first night = 2017..2024""",
        ),
    ),
    _subject(
        "water works",
        "dev",
        "pipe colour, chlorine dose, valve type, tax code, shift plan, radio channel",
        (
            Link("water meter", "household", "installed at"),
            Link("meter reading", "water meter", "read from"),
            Link("technician", "technician", "led by", "led", "leader"),
            Link("water meter", "technician", "maintained by", "maintained"),
        ),
        (),
        _table(
            "household, households",
            """n family name / name = Abbott, Brandt, Castro, Dvorak, Eklund, Farkas, Greco, Hobbs, Ito
            c quarter / part of town = Brook, Mill, Summit
            i people count / number of people = 1..8 larger, smaller
            d move-in date / day of moving in = 1998..2023""",
        ),
        _table(
            "water meter, water meters",
            """n meter code / code = W-301, W-302, W-303, W-304, W-305, W-306, W-307, W-308, W-309, W-310, W-311
            c meter type / type = Analogue, Digital, Remote
            i installation year / year of installation = 1990..2023 newer, older
            r error rate / share of errors = 0.1..6""",
        ),
        _table(
            "meter reading, meter readings",
            """d reading date / day of the reading = 2021..2024
            r consumption / water used = 1..60
            r bill amount / amount billed = 5..260
            c reading method / way of reading = Visit, Card, Radio""",
        ),
        _table(
            "technician, technicians",
            """n technician name / name = Arvo, Britta, Caspar, Denise, Ewald, Fatma, Gunnar, Helka, Ivo
            c grade / job grade = Trainee, Skilled, Master
            i service years / years of service = 0..35
            r overtime / hours of overtime = 0..60""",
        ),
    ),
    _subject(
        "parcels",
        "test",
        "door code, tip, packaging, signature, insurance value, locker",
        (
            Link("parcel", "courier", "brought by", "brought"),
            Link("parcel", "sender", "sent by", "sent"),
            Link("courier", "sorting centre", "stationed at", "employed"),
        ),
        (Across("courier", "sender", "parcel", "who carried something for"),),
        _table(
            "courier, couriers, messengers",
            """n courier name / name = Ayla, Brent, Caleb, Daphne, Elio, Farid, Grace O'Nolan, Hugo, Ingrid, Jasper
            c vehicle type / means of transport = Bike, Scooter, Van
            i birth year / year of birth = 1960..2005 younger, older
            r daily wage / wage for a day = 60..180""",
        ),
        _table(
            "parcel, parcels, shipments",
            """n tracking code / code = P-501, P-502, P-503, P-504, P-505, P-506, P-507, P-508, P-509, P-510,
            P-511, P-512, P-513
            c parcel state / state = Waiting, On the road, Delivered, Returned
            r weight / weight in kilos = 0.1..31 heavier, lighter
            r postage / postage paid = 3..45
            d dispatch date / day of dispatch = 2021..2024
            c destination / where it goes = Reims, Bilbao, Zadar, Krakow""",
        ),
        _table(
            "sender, senders",
            """n sender name / name = Book Barn, Cafe Lila, Dr Mabuse, Elm Press, Fabric & Co, Gilda's Gifts, Hat House
            c trade / line of business = Books, Food, Clothes
            d contract date / day of the contract = 2012..2023
            i monthly volume / parcels in a month = 3..900""",
        ),
        _table(
            "sorting centre, sorting centres",
            """n centre name / name = Hub East, Hub West, Hub Nord, Hub Süd, Hub Central
            c region = Coast, Inland, Alps
            i gate count / number of gates = 4..60
            i night staff / people at night = 2..120""",
        ),
    ),
    _subject(
        "charity",
        "test",
        "favourite colour, bank name, tax receipt, spouse, religion, fax number",
        (
            Link("donation", "donor", "made by", "made"),
            Link("donation", "campaign", "for", "received"),
            Link("campaign", "volunteer", "headed by", "headed"),
            Link("volunteer", "volunteer", "mentored by", "mentored", "mentor"),
        ),
        (Across("donor", "campaign", "donation", "who supported"),),
        _table(
            "donor, donors, benefactors",
            """n donor name / name = Astrid Vik, Bela Kun, Constance Ho, Dag Olsen, Esme Ward, Felipe Reis,
            Gita Rao, Hiro Abe,
            Imogen O'Grady, Jarek Zak, Kaja Moen
            c donor type / type = Person, Firm, Foundation
            c land / country = Norway, Peru, Japan, Kenya
            d first gift / date of the first gift = 2005..2022""",
        ),
        _table(
            "donation, donations, gifts",
            """d gift date / day of the gift = 2019..2024
            r sum given / sum = 5..4000
            c gift channel / channel = Web, Letter, Street
            r handling fee / fee = 0..60""",
        ),
        _table(
            "campaign, campaigns, drives",
            """n campaign title / title = Warm Winter, Clean Wells, School Bags, Tree Week, Night Shelter,
            Kids' Meals, Safe Sea
            c cause / good cause = Health, Nature, Children
            i target sum / target = 5000..200000
            i launch year / year of the launch = 2008..2024 newer, older""",
        ),
        _table(
            "volunteer, volunteers",
            """n volunteer name / name = Alban, Birgit, Cosmo, Dilara, Enid, Farouk, Gunda, Heikki, Ilse
            c role / kind of help = Driver, Cook, Speaker
            i hours given / hours of help = 2..400
            i age / age in years = 16..82 older, younger""",
        ),
    ),
    _subject(
        "game world",
        "test",
        "password, avatar, mount, chat language, guild tax, armour colour",
        (
            Link("hero", "guild", "sworn to", "recruited"),
            Link("quest run", "hero", "undertaken by", "undertaken"),
            Link("quest run", "quest", "of"),
        ),
        (Across("hero", "quest", "quest run", "who set out on"),),
        _table(
            "hero, heroes, adventurers",
            """n hero name / name = Aldric, Brynn, Corvus, Drusilla, Eowulf, Fenna, Grimm, Hilda, Isolde, Jorund,
            Kael, Lyra
            c hero class / class = Knight, Mage, Thief, Healer
            i level / hero level = 1..80 stronger, weaker
            i gold / gold owned = 0..9000 richer, poorer
            d creation date / day of creation = 2018..2024""",
        ),
        _table(
            "guild, guilds, orders of heroes",
            """n guild name / name = Iron Oath, Silver Hand, Dawn's Watch, Night Foxes, Stone Ring, Last Light
            c realm / world = Ember, Frost, Mist
            i founding year / year of founding = 2010..2023 newer, older
            i treasury / gold in the treasury = 100..90000""",
        ),
        _table(
            "quest, quests",
            """n quest title / title = Lost Crown, Dragon's Den, The Deep Well, Black Tower, Frozen Pass,
            Old Bridge, Wolf Hunt
            c danger / danger level = Low, Medium, Deadly
            i reward / reward in gold = 10..2000
            i minimum level / level needed = 1..70""",
        ),
        _table(
            "quest run, quest runs, attempts",
            """d run date / day of the run = 2021..2024
            c result / how it ended = Won, Lost, Given up
            i minutes needed / time needed = 4..240 longer, shorter
            i loot / loot found = 0..900""",
        ),
    ),
    _subject(
        "research",
        "test",
        "grant number, door code, phone, thesis title, allergy, lunch order",
        (
            Link("scientist", "scientist", "supervised by", "supervised", "supervisor"),
            Link("experiment", "scientist", "designed by", "designed"),
            Link("lab test", "experiment", "belonging to"),
        ),
        (),
        _table(
            "scientist, scientists, researchers",
            """n scientist name / name = Abena Osei, Björn Lind, Chiara Sala, Deniz Ak, Emeka Obi, Freya Dam,
            Goro Mori, Hanne
            Skov, Ivo Petri, Juana Mora, Keira O'Dowd
            c discipline / field = Chemistry, Geology, Botany
            i paper count / number of papers = 0..140
            i monthly pay / pay in a month = 1900..8800
            d joining date / day of joining = 2008..2024""",
        ),
        _table(
            "experiment, experiments",
            """n experiment name / name = Alkali, Basalt Melt, Crystal Two, Dewpoint, Erosion, Fern Light,
            Gravity Well, Hydra
            c safety class / class of safety = S1, S2, S3
            r material cost / cost of material = 20..9000
            d first run / date of the first run = 2015..2024
            i planned weeks / weeks planned = 1..60""",
        ),
        _table(
            "lab test, lab tests",
            """d test date / day of the test = 2019..2024
            c test outcome / outcome = Success, Failure, Unclear
            r peak value / highest value measured = 0.5..90
            i sample count / number of samples = 1..48""",
        ),
    ),
)


def _of_family(family: Family) -> Subject:
    """A family of families.py with its links."""
    pairs = [table for table in family.tables if table.parent]
    return Subject(family, tuple(Link(one.singular, one.parent, one.link, DID.get(one.singular, "")) for one in pairs))


def subjects(split: str) -> list:
    """All subjects of a split; those of more tables count twice, since more kinds of questions need them."""
    own = [one for one in SUBJECTS if one.family.split == split]
    return [_of_family(family) for family in FAMILIES if family.split == split] + own + own
