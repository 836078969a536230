"""Families of tables: what a table and its columns are called and hold, and the families of one or two tables.

Pure data. A family is one subject (a library, a bakery); its split says which part of the data may use it, and no two
families share a table noun, so a model is tested on tables it has never seen. Keys are left out: layout.py adds ids and
foreign keys. The families of three and four tables are in subjects.py.
"""

from typing import NamedTuple

SPLITS = ("sft", "dpo", "dev", "test")


class Column(NamedTuple):
    """One column, with the words people use for it and the values it holds."""

    words: str  # lower case, singular: "page count"
    kind: str  # "name", "category", "integer", "real" or "date"
    values: tuple = ()  # of a name (unique) or a category (repeated)
    low: float = 0  # smallest number, or first year of a date
    high: float = 0
    synonyms: tuple = ()
    more: str = ""  # comparative of a larger number: "heavier"
    less: str = ""


class Table(NamedTuple):
    """One table; the first column is the name that identifies a row."""

    singular: str
    plural: str
    columns: tuple
    synonyms: tuple = ()  # other plural nouns for the rows
    parent: str = ""  # singular of the table that the foreign key points to
    link: str = ""  # between child and parent: books "written by" an author


class Family(NamedTuple):
    """One subject; the first table is the main one."""

    name: str
    split: str
    tables: tuple
    missing: tuple  # what people might ask about the main table and the schema does not hold


def _words(text: str) -> tuple:
    """Split a comma-separated text; a value may run over a line end."""
    return tuple(" ".join(part.split()) for part in text.split(","))


def _name(words: str, values: str, *synonyms: str) -> Column:
    return Column(words, "name", _words(values), synonyms=synonyms)


def _category(words: str, values: str, *synonyms: str) -> Column:
    return Column(words, "category", _words(values), synonyms=synonyms)


def _integer(words: str, low: int, high: int, *synonyms: str, more="", less="") -> Column:
    return Column(words, "integer", (), low, high, synonyms, more, less)


def _real(words: str, low: float, high: float, *synonyms: str, more="", less="") -> Column:
    return Column(words, "real", (), low, high, synonyms, more, less)


def _date(words: str, low: int, high: int, *synonyms: str) -> Column:
    return Column(words, "date", (), low, high, synonyms)


_SFT = (
    Family(
        "library",
        "sft",
        (
            Table(
                "book",
                "books",
                (
                    _name(
                        "title",
                        """The Silent River, Winter Garden, A Short History, Red Lantern,
                Night Train, The Glass House, Salt and Stone, The Last Map, Paper Birds, Blue
                Hour, Small Gods of Rain, The Long Road, Under the Oak, Summer Tides, The Clock
                Maker, Morning Light""",
                        "book name",
                    ),
                    _category("genre", "Mystery, Romance, History, Science Fiction, Poetry, Travel", "kind of book"),
                    _category("language", "English, French, Spanish, German, Italian", "language it is in"),
                    _integer(
                        "page count", 80, 900, "number of pages", "length in pages", more="longer", less="shorter"
                    ),
                    _real("price", 4.5, 60, "cost", more="more expensive", less="cheaper"),
                    _integer("publication year", 1950, 2023, "year it was published", more="newer", less="older"),
                    _integer("copy count", 1, 40, "number of copies", "copies held"),
                ),
                ("volumes",),
                "author",
                "written by",
            ),
            Table(
                "author",
                "authors",
                (
                    _name(
                        "full name",
                        """Anna Keller, James Holt, Maria Lopez, David Stone, Clara
                Moreau, Peter Lang, Ruth Adler, Simon Park, Elena Rossi, Tom Baker, Grace Young,
                Hugo Blanc, Nina Petrov, Oscar Lund""",
                        "name",
                    ),
                    _category("country", "France, Spain, Germany, Canada, Italy, Norway", "home country"),
                    _integer("birth year", 1920, 1995, "year of birth", more="younger", less="older"),
                    _integer("award count", 0, 12, "number of awards", "awards won"),
                    _real("yearly income", 8000, 250000, "income per year"),
                ),
                ("writers",),
            ),
        ),
        _words("""publisher, cover colour, weight, reader age, shelf number, illustrator, font
        size, barcode"""),
    ),
    Family(
        "bakery",
        "sft",
        (
            Table(
                "cake",
                "cakes",
                (
                    _name(
                        "name",
                        """Lemon Dream, Black Forest, Carrot Classic, Honey Layer, Apple
                Crumble, Red Velvet, Opera Slice, Plum Tart, Vanilla Cloud, Coffee Walnut, Berry
                Ring, Almond Star, Ginger Loaf, Cherry Dome, Mocha Roll, Banana Square""",
                        "cake name",
                    ),
                    _category("flavour", "Chocolate, Vanilla, Lemon, Coffee, Fruit, Nut", "taste"),
                    _category("size", "Small, Medium, Large, Extra Large", "cake size"),
                    _real("list price", 5, 80, "normal price", "regular price"),
                    _real("sale price", 3, 60, "reduced price", "discount price"),
                    _integer(
                        "calories",
                        180,
                        950,
                        "calorie count",
                        "energy in calories",
                        more="higher in calories",
                        less="lower in calories",
                    ),
                    _integer("baking time", 15, 120, "minutes in the oven", "time to bake"),
                ),
                ("bakes",),
            ),
        ),
        _words("""baker, shelf life, sugar content, candle count, box colour, allergy warning,
        delivery day, flour brand"""),
    ),
    Family(
        "football",
        "sft",
        (
            Table(
                "player",
                "players",
                (
                    _name(
                        "name",
                        """Marco Silva, Liam Carter, Jonas Weber, Ahmed Nasser, Luis Ortega,
                Pavel Novak, Erik Dahl, Kofi Mensah, Ryan Brooks, Diego Ramos, Yuki Tanaka, Sam
                Okoro, Ivan Kovac, Noah Reed, Leo Martin, Adam Fischer, Bruno Costa, Omar Haddad""",
                        "player name",
                    ),
                    _category("position", "Goalkeeper, Defender, Midfielder, Forward", "role on the field"),
                    _category("nationality", "Brazilian, English, German, Spanish, Japanese", "home nation"),
                    _integer("age", 17, 39, "age in years", more="older", less="younger"),
                    _integer("home goals", 0, 25, "goals scored at home"),
                    _integer("away goals", 0, 20, "goals scored away"),
                    _real("height", 1.6, 2.05, "height in metres", more="taller", less="shorter"),
                ),
                ("footballers",),
                "team",
                "who play for",
            ),
            Table(
                "team",
                "teams",
                (
                    _name(
                        "name",
                        """Red Lions, Harbor United, North Stars, River City, Green Park, Old
                Mill Rovers, Union Athletic, Blue Eagles, Castle Town, Iron Works, South Bay,
                Valley Kings, White Hill, Port Rangers""",
                        "team name",
                    ),
                    _category("league", "First, Second, Third, Youth", "division"),
                    _integer("points", 5, 95, "league points", "point total"),
                    _integer("stadium seats", 2000, 90000, "seats in the stadium"),
                    _integer("founding year", 1880, 2005, "year it was founded", more="newer", less="older"),
                ),
                ("sides",),
            ),
        ),
        _words("""salary, shoe size, preferred foot, agent, shirt number, injury history,
        contract end, yellow cards, transfer fee"""),
    ),
    Family(
        "mountains",
        "sft",
        (
            Table(
                "mountain",
                "mountains",
                (
                    _name(
                        "name",
                        """Mount Arden, Grey Peak, Eagle Horn, Mount Corvin, Frost Tooth, Lone
                Summit, Mount Selka, Twin Needle, White Crown, Mount Baro, Old Giant, Storm
                Ridge, Mount Elm, Silver Dome, Wolf Head, Mount Tarn""",
                        "mountain name",
                    ),
                    _category("country", "Austria, Nepal, Chile, Kenya, Norway, Canada", "nation"),
                    _category("rock type", "Granite, Limestone, Basalt, Slate", "kind of rock"),
                    _integer("elevation", 900, 8800, "height in metres", "altitude", more="higher", less="lower"),
                    _integer("first climb year", 1780, 1990, "year of the first ascent"),
                    _integer("climber count", 10, 9000, "number of climbers", "climbers per year"),
                    _real("route length", 2.5, 45, "route length in kilometres", "distance to the top"),
                ),
                ("peaks",),
            ),
        ),
        _words("""snow depth, nearest town, rescue hut, guide, permit fee, death toll, average
        temperature, owner"""),
    ),
    Family(
        "cars",
        "sft",
        (
            Table(
                "car",
                "cars",
                (
                    _name(
                        "model",
                        """Falcon, Breeze, Comet, Tiger, Rapid, Cedar, Nova, Atlas, Pulse,
                Orion, Ranger, Sprint, Vista, Zephyr, Metro, Lynx""",
                        "model name",
                    ),
                    _category("body type", "Sedan, Hatchback, Pickup, Van, Coupe", "body style"),
                    _category("fuel", "Petrol, Diesel, Electric, Hybrid", "fuel type"),
                    _category("colour", "Red, Blue, Black, White, Silver", "paint colour"),
                    _integer("horse power", 60, 480, "engine power", more="stronger", less="weaker"),
                    _integer("price", 9000, 90000, "cost", more="more expensive", less="cheaper"),
                    _integer("top speed", 140, 310, "maximum speed", more="faster", less="slower"),
                ),
                ("automobiles",),
                "car maker",
                "built by",
            ),
            Table(
                "car maker",
                "car makers",
                (
                    _name(
                        "name",
                        """Alba Motors, Borg Auto, Delta Cars, Everest Works, Fuji Line,
                Gallo, Hansen Motors, Indus Auto, Juno, Kestrel, Lotus Bay, Monarch, Norden, Oak
                Motors""",
                        "company name",
                    ),
                    _category("country", "Japan, Italy, Germany, India, Sweden", "home country"),
                    _integer("factory count", 1, 35, "number of factories"),
                    _integer("worker count", 400, 80000, "number of workers", more="larger", less="smaller"),
                    _real("market share", 0.2, 18.5, "share of the market"),
                ),
                ("car companies",),
            ),
        ),
        _words("""number of doors, insurance class, trunk volume, crash rating, number plate,
        owner, mileage, tyre brand, warranty"""),
    ),
    Family(
        "hotels",
        "sft",
        (
            Table(
                "guest room",
                "guest rooms",
                (
                    _name(
                        "label",
                        """A101, A102, A103, A204, A205, B101, B102, B203, B204, B305, C101,
                C202, C203, C304, D101, D202, D303, D404""",
                        "room label",
                    ),
                    _category("bed type", "Single, Double, Twin, King", "kind of bed"),
                    _category("window side", "Sea, Garden, Street, Courtyard", "view", "side it faces"),
                    _real("weekday price", 40, 280, "price on a weekday", "weekday rate"),
                    _real("weekend price", 55, 390, "price at the weekend", "weekend rate"),
                    _integer("floor", 1, 12, "floor number", "storey", more="higher up", less="lower down"),
                    _integer("area", 12, 70, "area in square metres", "floor space", more="larger", less="smaller"),
                ),
                ("bedrooms",),
                "hotel",
                "located in",
            ),
            Table(
                "hotel",
                "hotels",
                (
                    _name(
                        "name",
                        """Grand Palace, Sea View Inn, Alpine Lodge, Hotel Royal, The Anchor,
                City Nest, Park House, Golden Gate Inn, Hotel Bristol, Sunset Lodge, The Crown,
                Plaza Nord, Old Mill Inn, Riverside""",
                        "hotel name",
                    ),
                    _category("city", "Vienna, Lisbon, Oslo, Porto, Prague", "town"),
                    _integer("stars", 1, 5, "star rating", "number of stars"),
                    _integer("staff count", 8, 300, "number of staff"),
                    _date("opening date", 1960, 2020, "day it opened"),
                ),
                ("inns",),
            ),
        ),
        _words("""minibar content, wall colour, cleaning time, door lock code, balcony, pillow
        count, smoking policy, internet speed"""),
    ),
    Family(
        "flights",
        "sft",
        (
            Table(
                "flight",
                "flights",
                (
                    _name(
                        "code",
                        """AX100, AX215, BK301, BK422, CL510, CL618, DM707, DM811, EN903,
                EN114, FT225, FT336, GH447, GH558, JK669, JK770""",
                        "flight code",
                    ),
                    _category("airline", "SkyJet, Blue Air, Nordic Wings, AeroSol, Continental", "carrier"),
                    _category("status", "On Time, Delayed, Cancelled, Boarding", "current status"),
                    _integer("distance", 200, 11000, "distance in kilometres", more="longer", less="shorter"),
                    _integer("passenger count", 20, 380, "number of passengers", "people on board"),
                    _integer("departure delay", 0, 180, "minutes late at departure"),
                    _integer("arrival delay", 0, 200, "minutes late on arrival"),
                    _date("flight date", 2018, 2024, "day of the flight"),
                ),
                ("air services",),
                "airport",
                "departing from",
            ),
            Table(
                "airport",
                "airports",
                (
                    _name(
                        "name",
                        """Central Field, Lake Airport, North Gate, Bay International,
                Eastport, Hill Field, Sandy Point, Metro West, Pine Valley, Kings Field, Harbor
                Air, Old Town Field, Red Desert, Coast South""",
                        "airport name",
                    ),
                    _category("country", "Spain, Norway, Egypt, Mexico, Japan", "nation"),
                    _integer("runway count", 1, 6, "number of runways"),
                    _integer("gate count", 4, 180, "number of gates", more="bigger", less="smaller"),
                    _real("landing fee", 150, 4200, "fee to land"),
                ),
                ("air hubs",),
            ),
        ),
        _words("""pilot, meal service, seat width, fuel used, ticket price, cabin crew, aircraft
        age, luggage limit"""),
    ),
    Family(
        "films",
        "sft",
        (
            Table(
                "movie",
                "movies",
                (
                    _name(
                        "title",
                        """Silver Moon, The Last Train, Broken Compass, Hidden Valley, Cold
                Harbor, Dancing Shadows, The Red Door, Lost Summer, Paper Crown, Iron Sky Road,
                Midnight Call, The Quiet Man Returns, Golden Field, Deep Water, City of Rain, A
                Simple Letter, Wild Hearts""",
                        "movie title",
                    ),
                    _category("genre", "Comedy, Drama, Action, Horror, Animation", "kind of movie"),
                    _integer("release year", 1960, 2024, "year it came out", more="newer", less="older"),
                    _integer("running time", 70, 210, "length in minutes", "duration", more="longer", less="shorter"),
                    _real("critic rating", 1, 10, "rating by critics", "critic score"),
                    _real("viewer rating", 1, 10, "rating by viewers", "viewer score"),
                    _integer("budget", 200000, 90000000, "production cost", more="more expensive", less="cheaper"),
                ),
                ("films", "motion pictures"),
                "director",
                "directed by",
            ),
            Table(
                "director",
                "directors",
                (
                    _name(
                        "name",
                        """Alan Frost, Bella Cruz, Carl Jensen, Dina Shah, Emil Novak, Fiona
                Gray, George Hall, Hana Sato, Igor Popov, Julia Stern, Kurt Meyer, Laura Diaz,
                Milo Grant, Nora Quinn""",
                        "director name",
                    ),
                    _category("nationality", "American, French, Indian, Korean, British", "home nation"),
                    _integer("birth year", 1930, 1990, "year of birth", more="younger", less="older"),
                    _integer("prize count", 0, 15, "number of prizes", "prizes won"),
                    _integer("career length", 2, 50, "years of work", "years in the job"),
                ),
                ("film makers",),
            ),
        ),
        _words("""leading actor, ticket sales, age limit, filming location, music composer,
        camera type, subtitle language, sequel"""),
    ),
    Family(
        "cafe",
        "sft",
        (
            Table(
                "drink",
                "drinks",
                (
                    _name(
                        "name",
                        """Flat White, Iced Mocha, Green Fizz, Mint Cooler, Hot Cocoa, Ginger
                Shot, Lemon Soda, Berry Smoothie, Black Filter, Chai Latte, Peach Water, Orange
                Press, Rose Milk, Cold Brew, Apple Spritz, Oat Cup""",
                        "drink name",
                    ),
                    _category("category", "Coffee, Juice, Soda, Milk, Smoothie", "kind of drink"),
                    _category("temperature", "Hot, Warm, Cold, Frozen", "serving temperature"),
                    _real("price", 1.2, 9.5, "cost", more="more expensive", less="cheaper"),
                    _integer("volume", 60, 600, "volume in millilitres", "cup size", more="larger", less="smaller"),
                    _integer("sugar", 0, 60, "grams of sugar", "sugar content", more="sweeter", less="less sweet"),
                    _integer(
                        "daily sales",
                        2,
                        240,
                        "cups sold per day",
                        "number sold daily",
                        more="more popular",
                        less="less popular",
                    ),
                ),
                ("beverages",),
            ),
        ),
        _words("""caffeine level, barista, straw colour, invention year, milk brand, customer
        rating, waiting time, bean origin"""),
    ),
    Family(
        "zoo",
        "sft",
        (
            Table(
                "animal",
                "animals",
                (
                    _name(
                        "name",
                        """Bella, Rocky, Zuri, Max, Kito, Luna, Shadow, Nala, Bruno, Misty,
                Simba, Coco, Tara, Rex, Willow, Jumbo""",
                        "animal name",
                    ),
                    _category("species", "Lion, Zebra, Elephant, Monkey, Penguin, Giraffe", "kind of animal"),
                    _category("sex", "Male, Female, Unknown, Not Recorded", "gender"),
                    _integer("age", 0, 60, "age in years", more="older", less="younger"),
                    _real("weight", 2.5, 5200, "weight in kilograms", more="heavier", less="lighter"),
                    _real("daily food", 0.2, 120, "food per day in kilograms"),
                    _date("arrival date", 2000, 2023, "day of arrival", "date it came"),
                ),
                ("creatures",),
                "enclosure",
                "living in",
            ),
            Table(
                "enclosure",
                "enclosures",
                (
                    _name(
                        "name",
                        """Lion Hill, Bird Hall, Ape House, Polar Bay, Savanna One, Savanna
                Two, Reptile Cave, River Pen, Night House, Elephant Park, Rock Garden, Forest
                Walk, Kids Farm, Sea Basin""",
                        "enclosure name",
                    ),
                    _category("climate", "Dry, Tropical, Polar, Mild", "kind of climate"),
                    _integer("area", 30, 9000, "area in square metres", "size", more="larger", less="smaller"),
                    _integer("visitor count", 50, 4000, "visitors per day", "number of visitors"),
                    _integer("building year", 1950, 2022, "year it was built", more="newer", less="older"),
                ),
                ("pens",),
            ),
        ),
        _words("""keeper, birth place, fur colour, vaccine record, number of babies, purchase
        price, sponsor, life expectancy"""),
    ),
    Family(
        "school",
        "sft",
        (
            Table(
                "pupil",
                "pupils",
                (
                    _name(
                        "full name",
                        """Emma Wood, Lucas Bell, Mia Torres, Ben Ford, Sara Ali, Jack
                Moss, Ella Ray, Finn Cole, Lily Chan, Max Braun, Zoe Hunt, Tim Page, Ida Holm,
                Kai Wong, Amy Rose, Dan Marsh""",
                        "name",
                    ),
                    _category("grade", "First, Second, Third, Fourth, Fifth", "grade level"),
                    _category("favourite subject", "Maths, Art, Music, Science, Sport", "best liked subject"),
                    _integer("maths score", 0, 100, "score in maths", "maths mark"),
                    _integer("reading score", 0, 100, "score in reading", "reading mark"),
                    _integer("absent days", 0, 35, "days missed", "number of absences"),
                    _date("birth date", 2008, 2017, "date of birth", "birthday"),
                ),
                ("school children",),
                "school",
                "who attend",
            ),
            Table(
                "school",
                "schools",
                (
                    _name(
                        "name",
                        """Oak Lane, Hill Top, Saint Mary, River Bank, Green Field, West End,
                Kings Road, Bright Start, Maple Street, Old Bridge, Lake Side, North Park, Elm
                Grove, Sunny Hill""",
                        "school name",
                    ),
                    _category("type", "Public, Private, Boarding, Village", "kind of school"),
                    _category("town", "Ashford, Milton, Derby, Kingston, Newport", "home town"),
                    _integer("teacher count", 5, 120, "number of teachers"),
                    _real("yearly fee", 0, 18000, "fee per year", more="more expensive", less="cheaper"),
                ),
            ),
        ),
        _words("""eye colour, parent phone, bus stop, lunch choice, height, pet, home address,
        shoe size, blood group"""),
    ),
    Family(
        "phones",
        "sft",
        (
            Table(
                "phone",
                "phones",
                (
                    _name(
                        "model",
                        """Nova 5, Pixel One, Edge 20, Aura X, Zen Mini, Bolt 8, Orbit 3,
                Vivo Max, Core Lite, Prime 12, Spark 2, Titan Pro, Wave 7, Echo Plus, Lumen S,
                Flip Z""",
                        "model name",
                    ),
                    _category("brand", "Aura, Zentel, Lumo, Orbit, Kappa", "make"),
                    _category("colour", "Black, White, Blue, Gold, Green", "case colour"),
                    _real("screen size", 4, 7.2, "screen size in inches"),
                    _integer("front camera", 5, 40, "front camera megapixels", "selfie camera"),
                    _integer("rear camera", 8, 200, "rear camera megapixels", "back camera"),
                    _integer("price", 90, 1600, "cost", more="more expensive", less="cheaper"),
                    _integer("battery life", 8, 60, "hours of battery"),
                ),
                ("handsets",),
            ),
        ),
        _words("""weight, memory size, seller, water protection, release date, charger type,
        stock level, customer reviews, processor"""),
    ),
    Family(
        "rivers",
        "sft",
        (
            Table(
                "river",
                "rivers",
                (
                    _name(
                        "name",
                        """Ardo, Belva, Corran, Dunmore, Esk, Falda, Great Lorn, Halder, Isen,
                Jarva, Kelso, Lower Tamm, Mira, Nessel, Upper Tamm, Vardo""",
                        "river name",
                    ),
                    _category("continent", "Africa, Asia, Europe, North America, South America", "part of the world"),
                    _category("mouth type", "Sea, Lake, River, Swamp", "where it ends"),
                    _integer("length", 40, 6500, "length in kilometres", more="longer", less="shorter"),
                    _integer("maximum depth", 2, 90, "greatest depth", "deepest point in metres"),
                    _integer("average depth", 1, 30, "mean depth", "usual depth in metres"),
                    _real("flow rate", 5, 9500, "water flow", "flow per second"),
                    _integer("dam count", 0, 24, "number of dams"),
                ),
                ("streams",),
            ),
        ),
        _words("""fish species, water temperature, pollution level, boat traffic, source height,
        local legend, drinking quality, ferry price"""),
    ),
    Family(
        "office",
        "sft",
        (
            Table(
                "employee",
                "employees",
                (
                    _name(
                        "full name",
                        """Alice Brown, Bob Green, Carol White, Dave Black, Erin Gray,
                Frank Hill, Gina Ross, Harry Wells, Irene Fox, John Marsh, Karen Lee, Larry
                Cook, Megan Price, Nick Shaw, Olga Brandt, Paul King, Rita Moore, Steve Lamb""",
                        "name",
                    ),
                    _category("job title", "Manager, Clerk, Engineer, Analyst, Assistant", "job"),
                    _integer("base salary", 22000, 90000, "yearly pay", "basic pay"),
                    _integer("bonus", 0, 15000, "extra pay", "yearly bonus"),
                    _integer("age", 19, 66, "age in years", more="older", less="younger"),
                    _integer("vacation days", 15, 35, "days off", "days of vacation"),
                    _date("hire date", 2000, 2024, "day they were hired", "start of work"),
                ),
                ("workers", "staff members"),
                "department",
                "who work in",
            ),
            Table(
                "department",
                "departments",
                (
                    _name(
                        "name",
                        """Sales, Finance, Legal, Research, Support, Marketing, Security,
                Planning, Design, Training, Logistics, Quality, Purchasing, Payroll""",
                        "department name",
                    ),
                    _category("building", "North, South, East, West", "office building"),
                    _integer("yearly budget", 50000, 2000000, "budget per year", "money to spend"),
                    _integer("desk count", 3, 90, "number of desks"),
                    _integer("floor", 1, 9, "floor number"),
                ),
                ("divisions",),
            ),
            Table(
                "project",
                "projects",
                (
                    _name(
                        "title",
                        """Apollo, Blue Sky, Cobalt, Dragon, Evergreen, Firefly, Granite,
                Horizon, Indigo, Jupiter, Kite, Lantern, Mercury, Nimbus""",
                        "project name",
                    ),
                    _category("phase", "Planned, Running, Paused, Finished", "stage"),
                    _integer("planned hours", 40, 5000, "hours planned", "expected hours"),
                    _integer("actual hours", 30, 6200, "hours worked", "hours spent"),
                    _integer("risk score", 1, 10, "risk level", more="riskier", less="safer"),
                ),
                ("undertakings",),
                "department",
                "run by",
            ),
        ),
        _words("""email address, home city, marital status, car, education, phone number, blood
        type, nickname"""),
    ),
    Family(
        "hospital ward",
        "sft",
        (
            Table(
                "patient",
                "patients",
                (
                    _name(
                        "full name",
                        """Arthur Dale, Betty Lynn, Carlos Vega, Doris May, Edgar Stone,
                Flora Webb, Gus Hardy, Helen Cho, Isaac Roth, Jane Frost, Karl Ebert, Lena Falk,
                Mona Idris, Ned Barlow, Opal Grant, Philip Nash""",
                        "name",
                    ),
                    _category("diagnosis", "Asthma, Fracture, Flu, Diabetes, Burn", "illness"),
                    _category("blood group", "A, B, AB, O", "blood type"),
                    _integer("age", 1, 97, "age in years", more="older", less="younger"),
                    _integer("heart rate", 48, 140, "pulse", "heart beats per minute"),
                    _real("body temperature", 35.2, 41, "temperature"),
                    _date("admission date", 2020, 2024, "day of admission", "day they came in"),
                ),
                ("sick people",),
                "ward",
                "who stay in",
            ),
            Table(
                "ward",
                "wards",
                (
                    _name(
                        "name",
                        """Acorn, Birch, Cedar, Daisy, Elm, Fern, Garnet, Hazel, Iris, Jasper,
                Lilac, Maple, Olive, Poppy""",
                        "ward name",
                    ),
                    _category("specialty", "Surgery, Children, Heart, Bones, Skin", "medical field"),
                    _integer("bed count", 6, 48, "number of beds", more="bigger", less="smaller"),
                    _integer("floor", 0, 8, "floor number"),
                    _real("daily cost", 90, 1400, "cost per day", more="more costly", less="less costly"),
                ),
                ("hospital units",),
            ),
            Table(
                "nurse",
                "nurses",
                (
                    _name(
                        "full name",
                        """Abby Lane, Brian Todd, Cleo Marsh, Dora Finn, Eva Lind, Fred
                Okafor, Gail Soto, Hank Mills, Ina Berg, Joan Tate, Kim Duong, Liz Carver, Matt
                Rowe, Nell Hobbs""",
                        "name",
                    ),
                    _category("shift", "Morning, Evening, Night, Weekend", "working shift"),
                    _integer("weekly hours", 12, 48, "hours per week"),
                    _integer("service years", 0, 38, "years of service", "years of experience"),
                    _real("hourly wage", 14, 48, "pay per hour", "hourly pay"),
                ),
                ("carers",),
                "ward",
                "working in",
            ),
        ),
        _words("""insurance company, allergy, visitor list, meal plan, next of kin, discharge
        time, height, religion"""),
    ),
    Family(
        "satellites",
        "sft",
        (
            Table(
                "satellite",
                "satellites",
                (
                    _name(
                        "name",
                        """Aster 1, Aster 2, Beacon, Calypso, Dawn 7, Echo Star, Fenix, Geo
                Watch, Helio, Icarus 3, Janus, Kepler Sat, Luna Link, Metis, Nimbus 4, Orbis""",
                        "satellite name",
                    ),
                    _category("purpose", "Weather, Navigation, Television, Research, Defence", "mission type"),
                    _category("operator", "Star Com, Euro Space, Pacific Net, Sky Lab", "operating company"),
                    _real("launch mass", 3.5, 6800, "mass at launch", "weight at launch"),
                    _real("dry mass", 2, 3900, "mass without fuel", "weight without fuel"),
                    _integer(
                        "orbit height",
                        300,
                        36000,
                        "orbit altitude",
                        "height above the ground",
                        more="higher",
                        less="lower",
                    ),
                    _date("launch date", 1995, 2024, "day of launch"),
                ),
                ("spacecraft",),
                "launch site",
                "launched from",
            ),
            Table(
                "launch site",
                "launch sites",
                (
                    _name(
                        "name",
                        """Cape Gray, Delta Base, Equator Pad, Fox Island, Gobi Centre, Kala
                Bay, Long Beach, North Cosmo, Ocean Pad, Plains Base, Red Sand, Steppe One,
                Tropic Port, West Range""",
                        "site name",
                    ),
                    _category("country", "France, India, Japan, Russia, Brazil", "nation"),
                    _integer("pad count", 1, 9, "number of pads"),
                    _integer("success count", 3, 700, "successful launches", "number of successes"),
                    _integer("failure count", 0, 40, "failed launches", "number of failures"),
                ),
                ("rocket bases",),
            ),
        ),
        _words("""rocket type, signal strength, camera resolution, solar panel area, insurance
        value, designer, remaining fuel, software version"""),
    ),
    Family(
        "orchids",
        "sft",
        (
            Table(
                "orchid",
                "orchids",
                (
                    _name(
                        "name",
                        """Moon Wing, Purple Rain, Ghost Lady, Tiger Lip, Snow Queen, Bee
                Dancer, Golden Shower, Black Pearl, Pink Slipper, Spider Star, Vanilla Vine,
                Sunset Bell, Dragon Mouth, Ivory Cup, Coral Dream, Green Jade""",
                        "orchid name",
                    ),
                    _category("flower colour", "White, Purple, Yellow, Pink, Orange", "colour"),
                    _category("native region", "Andes, Borneo, Mexico, Himalaya, Congo", "home region"),
                    _category("light need", "Shade, Half Shade, Full Sun, Indirect", "light level"),
                    _integer("petal count", 3, 9, "number of petals"),
                    _real("stem height", 4, 120, "height in centimetres", more="taller", less="shorter"),
                    _integer("bloom days", 10, 120, "days in bloom", "flowering time"),
                    _real("price", 6, 280, "cost", more="more expensive", less="cheaper"),
                ),
                ("orchid plants",),
            ),
        ),
        _words("""scent, discoverer, soil type, watering schedule, pot size, leaf shape, poison
        level, seed weight"""),
    ),
    Family(
        "ferries",
        "sft",
        (
            Table(
                "ferry",
                "ferries",
                (
                    _name(
                        "name",
                        """Sea Queen, Island Star, Northern Light, Blue Heron, Lady Anne,
                Captain Cook, Silver Wave, Morning Gull, Star of Malta, Viking Grace, Ocean
                Belle, Coral Line, Swift Otter, Saint Olga, Lucky Wind""",
                        "ferry name",
                    ),
                    _category("engine type", "Diesel, Gas, Electric, Hybrid", "kind of engine"),
                    _integer("passenger capacity", 40, 2400, "room for passengers", "most people carried"),
                    _integer("vehicle capacity", 0, 600, "room for vehicles", "most vehicles carried"),
                    _real("speed", 9, 42, "speed in knots", more="faster", less="slower"),
                    _integer("crew size", 4, 180, "number of crew"),
                    _integer("building year", 1965, 2023, "year it was built", more="newer", less="older"),
                ),
                ("ferry boats",),
                "harbour",
                "based in",
            ),
            Table(
                "harbour",
                "harbours",
                (
                    _name(
                        "name",
                        """Ardrossan, Bergen Quay, Calais East, Dover West, Esbjerg,
                Fishguard, Gozo Port, Harwich, Igoumen, Kiel Dock, Larne, Mallaig, Naxos Pier,
                Oban""",
                        "harbour name",
                    ),
                    _category("sea", "Baltic, North Sea, Aegean, Atlantic, Irish Sea", "sea it lies on"),
                    _integer("berth count", 1, 30, "number of berths", "places to dock"),
                    _real("water depth", 3.5, 22, "depth of water", more="deeper", less="shallower"),
                    _integer("parking spaces", 20, 3000, "places to park"),
                ),
                ("ports",),
            ),
        ),
        _words("""ticket price, captain, fuel tank size, restaurant menu, flag, cabin count,
        insurance, paint colour, departure time"""),
    ),
    Family(
        "podcasts",
        "sft",
        (
            Table(
                "podcast episode",
                "podcast episodes",
                (
                    _name(
                        "title",
                        """Hello World, The Missing Ship, Sleep Better, Money Talks, Deep
                Space, Lost Letters, Cooking Fire, Big Questions, The Cold File, Tiny Habits,
                Ocean Songs, Robot Dreams, Street Voices, The Long Walk, Bread Stories, Final
                Call""",
                        "episode title",
                    ),
                    _category("format", "Interview, Story, News, Debate, Quiz", "style"),
                    _integer("duration", 8, 150, "length in minutes", more="longer", less="shorter"),
                    _integer(
                        "download count", 200, 900000, "number of downloads", more="more popular", less="less popular"
                    ),
                    _integer("like count", 3, 20000, "number of likes"),
                    _integer("season number", 1, 12, "season"),
                    _date("air date", 2014, 2024, "day it aired", "day it was published"),
                ),
                ("episodes",),
                "podcast show",
                "belonging to",
            ),
            Table(
                "podcast show",
                "podcast shows",
                (
                    _name(
                        "name",
                        """Night Owls, Brain Food, True North, Open Mic, Data Hour, Wild
                Science, Tea Talk, Crime Desk, Kid Corner, Past Lives, Green Planet, Sound Lab,
                Fast Lane, Home Front""",
                        "show name",
                    ),
                    _category("topic", "Science, Crime, Business, Family, Music", "subject"),
                    _category("language", "English, Hindi, Dutch, Arabic", "spoken language"),
                    _integer("subscriber count", 100, 2000000, "number of subscribers"),
                    _real("listener rating", 1, 5, "rating", "score by listeners"),
                ),
                ("shows",),
            ),
        ),
        _words("""guest, sponsor, microphone type, file size, transcript, recording city, cover
        image, advert length"""),
    ),
    Family(
        "bridges",
        "sft",
        (
            Table(
                "bridge",
                "bridges",
                (
                    _name(
                        "name",
                        """Golden Arch, Kings Crossing, Old Stone, Harbor Span, Liberty, Twin
                Towers Span, Mill Lane, Dragon Back, Iron Horse, Rainbow, Saint Anne, Victory,
                Long Reach, White Cliff, Union Street, Canal End""",
                        "bridge name",
                    ),
                    _category("design", "Arch, Beam, Suspension, Cable Stayed, Truss", "design type"),
                    _category("material", "Steel, Stone, Concrete, Wood", "building material"),
                    _integer("total length", 20, 9000, "full length", "length in metres"),
                    _integer("main span", 10, 1900, "longest span", "span in metres"),
                    _real("width", 3, 48, "width in metres", more="wider", less="narrower"),
                    _integer(
                        "daily traffic", 100, 90000, "vehicles per day", "cars each day", more="busier", less="quieter"
                    ),
                    _integer("opening year", 1790, 2022, "year it opened", more="newer", less="older"),
                ),
                ("crossings",),
            ),
        ),
        _words("""architect, toll, repair cost, speed limit, paint colour, river below, lighting,
        weight limit, inspection date"""),
    ),
    Family(
        "museum",
        "sft",
        (
            Table(
                "painting",
                "paintings",
                (
                    _name(
                        "title",
                        """Girl at Window, The Harvest, Blue Horses, Storm at Sea, Sleeping
                Cat, The Card Game, Winter Road, Two Sisters, Yellow Room, Fishing Boats, The
                Old Clock, Lady in Green, Market Day, Broken Vase, Evening Prayer, Three Pears""",
                        "picture title",
                    ),
                    _category("style", "Baroque, Cubist, Modern, Romantic, Abstract", "art style"),
                    _category("technique", "Oil, Watercolour, Ink, Pastel", "paint type"),
                    _integer("creation year", 1500, 2010, "year it was painted", more="newer", less="older"),
                    _integer("purchase value", 500, 900000, "value when bought", "buying price"),
                    _integer("current value", 2000, 5000000, "value today", "present worth"),
                    _real("canvas width", 15, 420, "width in centimetres", more="wider", less="narrower"),
                ),
                ("pictures",),
                "gallery hall",
                "shown in",
            ),
            Table(
                "gallery hall",
                "gallery halls",
                (
                    _name(
                        "name",
                        """Hall One, Hall Two, Blue Hall, Marble Hall, East Wing, West Wing,
                Round Room, Tower Hall, Mirror Room, Garden Hall, Upper Gallery, Lower Gallery,
                Kings Hall, Glass Hall""",
                        "hall name",
                    ),
                    _category("lighting", "Daylight, Lamp, Spot, Mixed", "light type"),
                    _integer("visitor limit", 15, 400, "most visitors allowed"),
                    _integer("guard count", 1, 9, "number of guards"),
                    _real("room temperature", 17, 24, "temperature"),
                ),
                ("halls",),
            ),
        ),
        _words("""painter, frame type, insurance company, previous owner, restoration date,
        signature, weight, theft history"""),
    ),
    Family(
        "call centre",
        "sft",
        (
            Table(
                "call agent",
                "call agents",
                (
                    _name(
                        "name",
                        """Aaron Pitt, Bianca Ruiz, Chad Long, Dora Singh, Eli Katz, Faye
                Moon, Glen Avery, Heidi Kraft, Ian Doyle, Joy Abara, Kent Rhodes, Lola Perez,
                Mark Toma, Nina Cho, Owen Blake, Priya Nair""",
                        "agent name",
                    ),
                    _category("language", "English, Spanish, Polish, Turkish", "spoken language"),
                    _category("contract", "Full Time, Part Time, Temporary, Student", "contract type"),
                    _integer("calls taken", 40, 2500, "number of calls", "calls answered"),
                    _integer("calls solved", 20, 2100, "problems solved", "solved calls"),
                    _integer("average call time", 60, 900, "seconds per call", "mean call length"),
                    _real("customer score", 1, 5, "rating by customers", "satisfaction score"),
                ),
                ("operators",),
                "call team",
                "assigned to",
            ),
            Table(
                "call team",
                "call teams",
                (
                    _name(
                        "name",
                        """Alpha, Bravo, Charlie, Delta, Echo, Foxtrot, Golf, Hotel, India,
                Juliet, Kilo, Lima, Mike, November""",
                        "team name",
                    ),
                    _category("topic", "Billing, Repairs, Orders, Complaints", "subject handled"),
                    _category("city", "Leeds, Gdansk, Manila, Porto", "location"),
                    _integer("headset count", 5, 80, "number of headsets"),
                    _integer("monthly target", 1000, 20000, "target per month", "calls aimed for"),
                ),
                ("squads",),
            ),
        ),
        _words("""age, hourly pay, desk number, break time, training course, home address, sick
        days, birthday"""),
    ),
    Family(
        "vineyard",
        "sft",
        (
            Table(
                "wine",
                "wines",
                (
                    _name(
                        "label",
                        """Sol Rojo, Chateau Gris, Monte Alto, Casa Bianca, Old Barrel, Clos
                Vert, Terra Nova, Rosa Fina, Black Grape, Silver Vine, Don Pedro, Quinta Real,
                Stone Cellar, Petit Jour, Valle Oro, Lark Hill""",
                        "wine name",
                    ),
                    _category("grape", "Merlot, Riesling, Syrah, Malbec, Chardonnay", "grape variety"),
                    _category("sweetness", "Dry, Medium, Sweet, Very Sweet", "sweetness level"),
                    _integer("vintage year", 1985, 2022, "vintage", "harvest year", more="newer", less="older"),
                    _real("alcohol", 8.5, 15.5, "alcohol percent", "alcohol strength", more="stronger", less="weaker"),
                    _real("bottle price", 4, 280, "price per bottle", more="more expensive", less="cheaper"),
                    _integer("bottles made", 300, 80000, "number of bottles made"),
                    _integer("bottles sold", 100, 70000, "number of bottles sold"),
                ),
                ("wine sorts",),
                "vineyard",
                "grown at",
            ),
            Table(
                "vineyard",
                "vineyards",
                (
                    _name(
                        "name",
                        """Alder Slope, Bel Monte, Cross Field, Dry Creek, Eagle Nest, Fox
                Run, Grand Coteau, High Sun, Isla Verde, Kings Terrace, Long Row, Mill Slope,
                Nobleman, Pebble Bank""",
                        "estate name",
                    ),
                    _category("soil", "Clay, Chalk, Sand, Volcanic", "soil type"),
                    _category("region", "Rioja, Mosel, Douro, Tuscany", "wine region"),
                    _real("land area", 1.5, 240, "area in hectares", more="larger", less="smaller"),
                    _integer("picker count", 4, 160, "number of pickers"),
                ),
                ("wine estates",),
            ),
        ),
        _words("""cork type, yeast type, food pairing, bottle shape, import tax, barrel wood,
        critic review, serving temperature"""),
    ),
    Family(
        "chess",
        "sft",
        (
            Table(
                "chess player",
                "chess players",
                (
                    _name(
                        "name",
                        """Viktor Blum, Anja Roth, Samir Gupta, Liu Wen, Boris Orlov, Carla
                Nunez, Derek Finch, Elif Kaya, Gabor Toth, Henrik Vik, Irina Sokol, Jorge Mata,
                Keiko Abe, Levon Petro, Maya Desh, Niels Bruun""",
                        "player name",
                    ),
                    _category("rank title", "Grandmaster, Master, Expert, Candidate, Amateur", "chess title"),
                    _category("favourite opening", "Sicilian, French, Queen Gambit, English, Ruy Lopez", "opening"),
                    _integer("rating", 900, 2850, "chess rating", more="stronger", less="weaker"),
                    _integer("wins", 5, 800, "games won"),
                    _integer("losses", 2, 600, "games lost"),
                    _integer("draws", 0, 500, "games drawn"),
                ),
                ("chess masters",),
                "chess club",
                "who represent",
            ),
            Table(
                "chess club",
                "chess clubs",
                (
                    _name(
                        "name",
                        """White Knights, Black Bishops, Rook House, Queen Side, Pawn Storm,
                Checkmate, Castle Club, City Gambit, Open File, Silent Move, Kings Row, Endgame,
                Fast Clock, Old Board""",
                        "club name",
                    ),
                    _category("city", "Budapest, Mumbai, Chicago, Hamburg, Oslo", "home city"),
                    _integer("member count", 12, 420, "number of members", more="bigger", less="smaller"),
                    _real("yearly fee", 10, 180, "fee per year", "membership fee"),
                    _integer("founding year", 1900, 2018, "year it was founded"),
                ),
                ("clubs",),
            ),
        ),
        _words("""prize money, age, coach, computer program, playing hand, school, tournament,
        clock type, gender"""),
    ),
    Family(
        "wind farm",
        "sft",
        (
            Table(
                "wind turbine",
                "wind turbines",
                (
                    _name(
                        "code",
                        """WT-01, WT-02, WT-03, WT-04, WT-05, WT-06, WT-07, WT-08, WT-09,
                WT-10, WT-11, WT-12, WT-13, WT-14, WT-15, WT-16, WT-17, WT-18""",
                        "turbine code",
                    ),
                    _category("status", "Running, Stopped, In Repair, Testing", "state"),
                    _category("maker", "Nordwind, Vesta, Gale Power, Aero Gen", "manufacturer"),
                    _integer("tower height", 40, 170, "tower height in metres", more="taller", less="shorter"),
                    _integer("blade length", 15, 110, "length of a blade"),
                    _real("rated power", 0.5, 14, "maximum power", "design power"),
                    _real("actual power", 0.1, 12, "power produced", "measured power"),
                    _date("service date", 2019, 2024, "day of last service", "last service"),
                ),
                ("turbines",),
                "wind farm",
                "standing in",
            ),
            Table(
                "wind farm",
                "wind farms",
                (
                    _name(
                        "name",
                        """Bleak Hill, Coast Line, Dune Park, Eastern Sea, Far Ridge, Gull
                Rock, High Moor, Isle North, Long Sands, Moorland, North Bank, Open Plain, Sandy
                Cape, Storm Bay""",
                        "farm name",
                    ),
                    _category("setting", "Coast, Offshore, Hill, Plain", "kind of place"),
                    _real("wind speed", 4, 13, "average wind", more="windier", less="calmer"),
                    _integer("homes supplied", 400, 90000, "number of homes supplied"),
                    _integer("land rent", 2000, 300000, "rent for the land"),
                ),
                ("wind parks",),
            ),
        ),
        _words("""noise level, bird strikes, owner, rotor colour, oil type, technician, purchase
        cost, lightning hits"""),
    ),
    Family(
        "recipes",
        "sft",
        (
            Table(
                "recipe",
                "recipes",
                (
                    _name(
                        "title",
                        """Tomato Soup, Beef Stew, Rice Pilaf, Fish Tacos, Bean Chili, Onion
                Pie, Lamb Curry, Potato Salad, Noodle Bowl, Corn Bread, Stuffed Peppers, Egg
                Toast, Mushroom Pasta, Garlic Prawns, Lentil Dal, Cheese Omelette""",
                        "dish name",
                    ),
                    _category("cuisine", "Italian, Indian, Mexican, Thai, Greek, French", "kitchen style"),
                    _category("meal", "Breakfast, Lunch, Dinner, Snack", "meal type"),
                    _category("difficulty", "Easy, Medium, Hard, Expert", "skill level"),
                    _integer("preparation time", 5, 90, "minutes to prepare"),
                    _integer("cooking time", 0, 240, "minutes to cook"),
                    _integer("servings", 1, 12, "number of portions", "people served"),
                    _integer("ingredient count", 3, 24, "number of ingredients"),
                ),
                ("dishes",),
            ),
        ),
        _words("""calories, chef, cost, spice level, salt amount, photo, oven temperature, wine
        pairing, user rating"""),
    ),
    Family(
        "board games",
        "sft",
        (
            Table(
                "board game",
                "board games",
                (
                    _name(
                        "title",
                        """Castle Siege, Trade Winds, Hidden Gold, Robot Factory, Word Storm,
                Dragon Eggs, Space Miners, Cat Parade, Lost Temple, City Blocks, Farm Race,
                Pirate Cove, Sky Kings, Monster Soup, Secret Code, Train Barons""",
                        "game title",
                    ),
                    _category("theme", "Fantasy, Space, Trade, War, Animals", "subject"),
                    _category("mechanism", "Dice, Cards, Tiles, Auction, Drafting", "main mechanism"),
                    _integer("minimum players", 1, 3, "fewest players", "least number of players"),
                    _integer("maximum players", 4, 10, "most players", "largest number of players"),
                    _integer("play time", 15, 240, "minutes to play", more="longer", less="shorter"),
                    _real("complexity", 1, 5, "complexity score", more="harder", less="easier"),
                    _real("price", 8, 120, "cost", more="more expensive", less="cheaper"),
                ),
                ("tabletop games",),
            ),
        ),
        _words("""designer, box weight, publisher, player age, language, artist, sales figures,
        expansion pack, number of pieces"""),
    ),
    Family(
        "gym",
        "sft",
        (
            Table(
                "gym member",
                "gym members",
                (
                    _name(
                        "name",
                        """Andre Pace, Brooke Hale, Cody Flint, Dana Wolf, Ethan Cross, Freya
                Lund, Gavin Steele, Holly Marsh, Ivan Duarte, Jade Monroe, Kyle Ramsey, Leah
                Stokes, Miles Payne, Naomi West, Omar Said, Paige Turner""",
                        "member name",
                    ),
                    _category("membership", "Bronze, Silver, Gold, Student", "membership type"),
                    _category("goal", "Strength, Weight Loss, Health, Endurance", "training goal"),
                    _integer("monthly visits", 0, 30, "visits per month"),
                    _integer("total visits", 1, 1500, "visits overall", "visits so far"),
                    _real("body weight", 42, 135, "weight in kilograms", more="heavier", less="lighter"),
                    _date("joining date", 2015, 2024, "day they joined", "start of membership"),
                ),
                ("gym users",),
                "gym trainer",
                "coached by",
            ),
            Table(
                "gym trainer",
                "gym trainers",
                (
                    _name(
                        "name",
                        """Alex Iron, Bo Larsen, Chris Vance, Dee Porter, Emre Aydin, Flo
                Martins, Gil Baron, Hugh Doran, Ines Prado, Jo Hammond, Kat Revell, Lou Sharp,
                Moe Faris, Nia Bright""",
                        "trainer name",
                    ),
                    _category("specialty", "Yoga, Boxing, Weights, Cycling, Dance", "field"),
                    _real("session price", 15, 95, "price per session", more="more expensive", less="cheaper"),
                    _integer("experience years", 1, 28, "years of experience"),
                    _integer("weekly sessions", 3, 40, "sessions per week"),
                ),
                ("coaches",),
            ),
        ),
        _words("""locker number, job, phone number, diet, height, photo, emergency contact,
        parking space"""),
    ),
    Family(
        "furniture",
        "sft",
        (
            Table(
                "sofa",
                "sofas",
                (
                    _name(
                        "model name",
                        """Aspen, Bergamo, Camden, Dover, Elba, Florin, Geneva, Harlow,
                Ibiza, Jersey, Kyoto, Lido, Modena, Nantes, Oxford, Parma""",
                        "model",
                    ),
                    _category("fabric", "Leather, Velvet, Linen, Wool, Cotton", "cover fabric"),
                    _category("colour", "Grey, Beige, Navy, Green, Brown", "cover colour"),
                    _integer("seat count", 1, 7, "number of seats"),
                    _integer("retail price", 250, 4800, "shop price", "price in the shop"),
                    _integer("factory price", 120, 2600, "price at the factory", "price from the maker"),
                    _real("weight", 18, 140, "weight in kilograms", more="heavier", less="lighter"),
                    _integer("stock", 0, 90, "number in stock", "pieces in stock"),
                ),
                ("couches",),
            ),
        ),
        _words("""designer, delivery time, warranty years, leg height, cushion filling, assembly
        time, washing advice, discount code"""),
    ),
    Family(
        "supermarket",
        "sft",
        (
            Table(
                "grocery item",
                "grocery items",
                (
                    _name(
                        "name",
                        """Oat Flakes, Whole Milk, Brown Rice, Olive Oil, Sea Salt, Green
                Peas, Tomato Sauce, Dark Chocolate, Corn Chips, Apple Juice, White Sugar, Tuna
                Can, Peanut Butter, Rye Bread, Black Pepper, Soap Bar, Honey Jar, Dish Sponge""",
                        "item name",
                    ),
                    _category("aisle", "Dairy, Dry Food, Snacks, Drinks, Household", "store section"),
                    _category("package", "Bag, Box, Bottle, Can, Jar", "package type"),
                    _real("unit price", 0.5, 24, "price per unit", more="more expensive", less="cheaper"),
                    _real("net weight", 0.05, 10, "weight in kilograms", more="heavier", less="lighter"),
                    _integer("shelf stock", 0, 120, "units on the shelf"),
                    _integer("storage stock", 0, 900, "units in storage"),
                    _date("expiry date", 2024, 2027, "best before date", "day it expires"),
                ),
                ("groceries",),
                "supplier",
                "delivered by",
            ),
            Table(
                "supplier",
                "suppliers",
                (
                    _name(
                        "company name",
                        """Fresh Fields, Global Foods, Harvest Co, Inland Trade,
                Jansen Foods, Kite Import, Lakeland, Market Direct, Natura, Omega Goods, Prime
                Farm, Quick Stock, Royal Grain, Sunrise Ltd""",
                        "name",
                    ),
                    _category("country", "Turkey, Spain, Poland, Brazil, Kenya", "home country"),
                    _integer("delivery days", 1, 21, "days to deliver", more="slower", less="faster"),
                    _integer("truck count", 2, 140, "number of trucks"),
                    _real("reliability score", 1, 10, "reliability", more="more reliable", less="less reliable"),
                ),
                ("vendors",),
            ),
        ),
        _words("""calories, barcode, brand, customer rating, recycling symbol, inventor, fat
        content, advert"""),
    ),
    Family(
        "concerts",
        "sft",
        (
            Table(
                "concert",
                "concerts",
                (
                    _name(
                        "title",
                        """Spring Gala, Rock Night, Jazz on the Roof, Winter Songs, Acoustic
                Evening, Folk Roots, Big Band Ball, Piano Dreams, Summer Beats, Choir Festival,
                Blues Train, Metal Storm, Silent Strings, Drum Fire, City Voices, New Year Show""",
                        "concert title",
                    ),
                    _category("music style", "Rock, Jazz, Classical, Folk, Pop", "kind of music"),
                    _real("standing price", 8, 70, "price of a standing ticket"),
                    _real("seated price", 15, 180, "price of a seated ticket"),
                    _integer("tickets sold", 40, 18000, "number of tickets sold"),
                    _integer("song count", 8, 36, "number of songs"),
                    _date("show date", 2016, 2025, "day of the show"),
                ),
                ("gigs",),
                "concert hall",
                "held at",
            ),
            Table(
                "concert hall",
                "concert halls",
                (
                    _name(
                        "name",
                        """Apollo Hall, Blue Note, Crystal Dome, Dock House, Empire, Forum,
                Globe, Harmony, Ice Palace, Jubilee, Lyric, Metropol, Odeon, Philharmonic""",
                        "hall name",
                    ),
                    _category("city", "Berlin, Dublin, Lyon, Boston, Milan", "town"),
                    _integer("seat capacity", 120, 21000, "number of seats", more="bigger", less="smaller"),
                    _integer("stage width", 6, 45, "width of the stage"),
                    _integer("rent", 300, 42000, "rent per night"),
                ),
                ("music venues",),
            ),
        ),
        _words("""singer, sound engineer, dress code, encore, parking fee, support band, age
        limit, security staff, video recording"""),
    ),
    Family(
        "dog shelter",
        "sft",
        (
            Table(
                "dog",
                "dogs",
                (
                    _name(
                        "name",
                        """Buddy, Daisy, Charlie, Molly, Duke, Rosie, Bear, Sadie, Oscar,
                Ruby, Toby, Penny, Archie, Maggie, Scout, Biscuit""",
                        "dog name",
                    ),
                    _category("breed", "Beagle, Poodle, Terrier, Collie, Boxer, Mixed", "kind of dog"),
                    _category("coat colour", "Black, Brown, White, Golden, Spotted", "fur colour"),
                    _integer("age", 0, 16, "age in years", more="older", less="younger"),
                    _real("weight", 2, 68, "weight in kilograms", more="heavier", less="lighter"),
                    _integer("adoption fee", 0, 450, "fee to adopt", "price to adopt"),
                    _integer("shelter days", 1, 700, "days in the shelter", "days waiting"),
                ),
                ("hounds",),
                "animal shelter",
                "cared for at",
            ),
            Table(
                "animal shelter",
                "animal shelters",
                (
                    _name(
                        "name",
                        """Happy Tails, Second Home, Warm Nose, Safe Paws, Old Barn, City
                Pound, Green Gate, Kind Hands, Lucky Dog, New Hope, Open Door, River Rescue,
                Soft Landing, True Friend""",
                        "shelter name",
                    ),
                    _category("county", "Kent, Essex, Devon, Surrey, Norfolk", "district"),
                    _integer("kennel count", 8, 150, "number of kennels", more="bigger", less="smaller"),
                    _integer("helper count", 3, 70, "number of helpers"),
                    _real("yearly donations", 4000, 500000, "donations per year", "money given per year"),
                ),
                ("rescue centres",),
            ),
        ),
        _words("""chip number, previous owner, favourite toy, vet, training level, ear shape,
        vaccine date, walking time"""),
    ),
    Family(
        "bank",
        "sft",
        (
            Table(
                "bank client",
                "bank clients",
                (
                    _name(
                        "full name",
                        """Adele Burke, Basil Crane, Cecil Dunn, Delia Espen, Ewan Fry,
                Greta Holm, Homer Ives, Ida Jarvis, Joel Kerr, Kitty Lowe, Lars Munk, Mabel
                Norris, Neil Orton, Olive Pratt, Percy Quill, Rhoda Sims""",
                        "name",
                    ),
                    _category("account type", "Savings, Current, Business, Youth", "kind of account"),
                    _category("occupation", "Teacher, Farmer, Doctor, Driver, Retired", "job"),
                    _real("balance", 0, 90000, "money in the account", more="richer", less="poorer"),
                    _real("loan amount", 0, 400000, "money borrowed", "size of the loan"),
                    _integer("credit score", 300, 850, "credit rating"),
                    _date("account opening date", 1998, 2024, "day the account was opened"),
                ),
                ("account holders",),
                "bank branch",
                "served by",
            ),
            Table(
                "bank branch",
                "bank branches",
                (
                    _name(
                        "branch name",
                        """Abbey Street, Bank Lane, Church Road, Dock Side, East Gate,
                Fleet Row, Grand Square, High Street, Inner Ring, Kings Cross, London Road,
                Market Place, New Town, Park Avenue""",
                        "name",
                    ),
                    _category("region", "North, South, East, West, Central", "area"),
                    _integer("counter count", 1, 14, "number of counters"),
                    _integer("cash machines", 0, 12, "number of cash machines"),
                    _integer("cash reserve", 20000, 900000, "cash kept", "money in the safe"),
                ),
                ("branches",),
            ),
        ),
        _words("""email, card colour, password, marital status, shoe size, favourite shop,
        nationality, tax number, children"""),
    ),
    Family(
        "bicycles",
        "sft",
        (
            Table(
                "bicycle",
                "bicycles",
                (
                    _name(
                        "model",
                        """Arrow, Bolt, Cruiser, Dart, Eclipse, Flash, Gravel King, Hawk,
                Impact, Jet, Kobra, Lightning, Mustang, Nomad, Outback, Pacer""",
                        "model name",
                    ),
                    _category("type", "Road, Mountain, City, Folding, Cargo", "kind of bike"),
                    _category("frame material", "Steel, Carbon, Aluminium, Titanium", "frame"),
                    _category("brake", "Disc, Rim, Drum, Coaster", "brake type"),
                    _integer("gear count", 1, 33, "number of gears"),
                    _real("weight", 6.5, 34, "weight in kilograms", more="heavier", less="lighter"),
                    _integer("new price", 180, 7200, "price when new"),
                    _integer("used price", 40, 4100, "second hand price", "price when used"),
                ),
                ("bikes",),
            ),
        ),
        _words("""owner, colour, saddle height, bell, stolen date, tyre pressure, basket size,
        rider height"""),
    ),
    Family(
        "castles",
        "sft",
        (
            Table(
                "castle",
                "castles",
                (
                    _name(
                        "name",
                        """Ravenstone, Greywall, Falkenburg, Dunmoor, Rosecliff, Ironkeep,
                Whitetower, Lochmere, Barenfels, Thornhill, Eagle Rock, Kings Keep, Moonrise,
                Oldenfort, Stormhold, Highgate""",
                        "castle name",
                    ),
                    _category("country", "Scotland, Germany, France, Wales, Spain", "nation"),
                    _category("condition", "Ruin, Restored, Intact, Damaged", "state"),
                    _integer("start year", 900, 1500, "year building began"),
                    _integer("end year", 950, 1600, "year building ended", "year it was finished"),
                    _integer("tower count", 1, 14, "number of towers"),
                    _real("entry fee", 0, 32, "price to enter", more="more expensive", less="cheaper"),
                    _integer(
                        "yearly visitors", 500, 800000, "visitors per year", more="more visited", less="less visited"
                    ),
                ),
                ("fortresses",),
            ),
        ),
        _words("""owner, wall thickness, ghost story, moat depth, room count, gift shop,
        architect, heating cost, nearest station"""),
    ),
    Family(
        "university",
        "sft",
        (
            Table(
                "course",
                "courses",
                (
                    _name(
                        "title",
                        """Algebra, World History, Organic Chemistry, Modern Poetry, Machine
                Vision, Microbiology, Ethics, Tax Law, Drawing, Statistics, Astronomy, Music
                Theory, Geology, Robotics, Spanish Grammar, Game Theory""",
                        "course title",
                    ),
                    _category("level", "Beginner, Intermediate, Advanced, Doctoral", "study level"),
                    _category("term", "Spring, Summer, Autumn, Winter", "semester"),
                    _integer("credits", 1, 12, "credit points", "number of credits"),
                    _integer("enrolled students", 4, 380, "number of students", "students enrolled"),
                    _integer("maximum students", 10, 400, "student limit", "most students allowed"),
                    _real("pass rate", 30, 100, "share who pass", more="easier to pass", less="harder to pass"),
                ),
                ("university classes",),
                "professor",
                "taught by",
            ),
            Table(
                "professor",
                "professors",
                (
                    _name(
                        "full name",
                        """Amos Lind, Beatrice Kohl, Conrad Weiss, Daphne Moss, Elias
                Brandt, Francine Roy, Gideon Pratt, Harriet Boyd, Ingmar Falk, Judith Crane,
                Knut Solberg, Lydia Marsh, Moritz Engel, Olivia Trent""",
                        "name",
                    ),
                    _category("faculty", "Science, Arts, Law, Medicine, Engineering", "field"),
                    _integer("paper count", 2, 320, "number of papers", "papers written"),
                    _integer("age", 29, 71, "age in years", more="older", less="younger"),
                    _integer("salary", 48000, 190000, "yearly salary", "pay"),
                ),
                ("lecturers",),
            ),
            Table(
                "lab",
                "labs",
                (
                    _name(
                        "label",
                        """Laser Lab, Cell Lab, Optics One, Optics Two, Data Lab, Fluid Lab,
                Plant Lab, Sound Studio, Clean Room, Robot Hall, Stone Lab, Cold Lab, Print
                Shop, Brain Lab""",
                        "lab name",
                    ),
                    _category("safety level", "Low, Medium, High, Extreme", "danger class"),
                    _integer("microscope count", 0, 30, "number of microscopes"),
                    _real("floor area", 20, 600, "area in square metres", more="larger", less="smaller"),
                    _integer("yearly grant", 5000, 900000, "grant per year", "money received"),
                ),
                ("laboratories",),
                "professor",
                "led by",
            ),
        ),
        _words("""textbook, exam date, room number, homework load, dropout reason, lecture time,
        tuition fee, video recording"""),
    ),
)

_DPO = (
    Family(
        "volcanoes",
        "dpo",
        (
            Table(
                "volcano",
                "volcanoes",
                (
                    _name(
                        "name",
                        """Fire Horn, Mount Ash, Krakora, Black Kettle, Mount Ember, Old
                Smoker, Red Throat, Pele Rock, Cinder Top, Mount Sulfa, Thunder Cone, Lava Gate,
                Mount Rua, Steam Hill, Dark Crown""",
                        "volcano name",
                    ),
                    _category("shape", "Shield, Cone, Caldera, Dome", "form"),
                    _category("activity", "Active, Dormant, Extinct, Erupting", "activity state"),
                    _integer("summit height", 200, 6800, "height of the summit", more="higher", less="lower"),
                    _integer("first eruption year", 1500, 1800, "year of the first eruption"),
                    _integer("last eruption year", 1810, 2024, "year of the latest eruption"),
                    _real("crater width", 0.1, 18, "width of the crater", more="wider", less="narrower"),
                    _integer("people nearby", 0, 900000, "people living close by"),
                ),
                ("fire mountains",),
            ),
        ),
        _words("""lava temperature, gas level, alarm system, hiking path, discoverer, rock
        colour, legend, insurance cost"""),
    ),
    Family(
        "court",
        "dpo",
        (
            Table(
                "court case",
                "court cases",
                (
                    _name(
                        "case code",
                        """CR-101, CR-118, CR-127, CR-140, CV-203, CV-219, CV-226,
                CV-245, FM-302, FM-317, FM-331, TX-404, TX-412, TX-438, LB-509, LB-521""",
                        "case number",
                    ),
                    _category("case type", "Criminal, Civil, Family, Tax, Labour", "kind of case"),
                    _category("outcome", "Guilty, Not Guilty, Settled, Dismissed", "verdict"),
                    _integer("witness count", 0, 24, "number of witnesses"),
                    _real("claimed amount", 500, 900000, "money claimed", "amount demanded"),
                    _real("awarded amount", 0, 600000, "money awarded", "amount granted"),
                    _integer("hearing days", 1, 60, "days of hearing", more="longer", less="shorter"),
                    _date("filing date", 2010, 2024, "day it was filed"),
                ),
                ("lawsuits", "trials"),
                "judge",
                "heard by",
            ),
            Table(
                "judge",
                "judges",
                (
                    _name(
                        "full name",
                        """Agnes Thorne, Bernard Lowell, Celia Marsh, Dorian Pike, Esther
                Vane, Felix Grange, Gloria Hale, Horace Wynn, Irma Castell, Julius Barr, Kate
                Norwood, Lionel Shaw, Martha Quist, Norman Ellery""",
                        "name",
                    ),
                    _category("court level", "Local, District, Appeal, Supreme", "level of court"),
                    _integer("age", 36, 78, "age in years", more="older", less="younger"),
                    _integer("bench years", 1, 40, "years on the bench", "years as a judge"),
                    _integer("closed files", 20, 5200, "files closed", "number of closed files"),
                ),
                ("magistrates",),
            ),
            Table(
                "lawyer",
                "lawyers",
                (
                    _name(
                        "full name",
                        """Ada Finch, Blake Moran, Cora Jett, Dirk Sanders, Elise Noble,
                Floyd Tully, Gwen Ashby, Heath Rowan, Isla Penn, Jasper Cole, Kira Volkov,
                Luther Bond, Mavis Dell, Nolan Reyes""",
                        "name",
                    ),
                    _category("law firm", "Bond and Co, Finch Legal, North Law, City Counsel", "firm"),
                    _real("hourly rate", 60, 750, "fee per hour", more="more expensive", less="cheaper"),
                    _integer("won files", 1, 400, "files won", "number of wins"),
                    _integer("lost files", 0, 300, "files lost", "number of defeats"),
                ),
                ("attorneys",),
                "judge",
                "who plead before",
            ),
        ),
        _words("""defendant, court room, jury size, police report, bail, press coverage, appeal
        date, prison term"""),
    ),
    Family(
        "elevators",
        "dpo",
        (
            Table(
                "elevator",
                "elevators",
                (
                    _name(
                        "label",
                        """E1 North, E2 North, E3 North, E1 South, E2 South, E3 South,
                Freight A, Freight B, Lobby Left, Lobby Right, Tower Main, Garage Lift, Glass
                Lift, Service One, Service Two""",
                        "elevator label",
                    ),
                    _category("drive", "Cable, Hydraulic, Magnetic, Screw", "drive type"),
                    _category("condition", "Good, Worn, Broken, Closed", "state of repair"),
                    _integer("load limit", 250, 5000, "maximum load", "most kilograms carried"),
                    _integer("people limit", 3, 40, "most people carried"),
                    _real("speed", 0.5, 12, "speed in metres per second", more="faster", less="slower"),
                    _integer("breakdown count", 0, 45, "number of breakdowns", "times it broke"),
                    _date("inspection date", 2018, 2024, "day of inspection"),
                ),
                ("lifts",),
                "tower block",
                "installed in",
            ),
            Table(
                "tower block",
                "tower blocks",
                (
                    _name(
                        "name",
                        """Aspect House, Beacon Court, Crown Point, Dean Tower, Emerald House,
                Forge Court, Gable Point, Hyde Tower, Ivory Court, Kingsley, Linden Tower,
                Mercer House, Newton Court, Orchard Point""",
                        "block name",
                    ),
                    _category("use", "Offices, Flats, Shops, Mixed", "main use"),
                    _integer("storey count", 5, 88, "number of storeys", more="taller", less="shorter"),
                    _integer("tenant count", 10, 1400, "number of tenants"),
                    _integer("completion year", 1958, 2023, "year it was completed", more="newer", less="older"),
                ),
                ("high rises",),
            ),
        ),
        _words("""music, mirror, door width, button colour, electricity bill, mechanic, warranty,
        carpet, emergency phone"""),
    ),
    Family(
        "marathons",
        "dpo",
        (
            Table(
                "runner",
                "runners",
                (
                    _name(
                        "name",
                        """Abel Koech, Britt Nilsen, Cesar Luna, Dawit Haile, Edith Moran,
                Farah Aziz, Goran Ilic, Hilde Voss, Imani Otieno, Jan Kramer, Kenji Mori, Lucia
                Paz, Mateo Rios, Noor Rahman, Orla Byrne, Piet Visser""",
                        "runner name",
                    ),
                    _category("age class", "Junior, Senior, Veteran, Master", "age group"),
                    _category("home country", "Kenya, Norway, Mexico, Ethiopia, Ireland", "nation"),
                    _integer("half time", 62, 160, "minutes at half way", "half way time"),
                    _integer("finish time", 126, 330, "minutes to finish", "final time", more="slower", less="faster"),
                    _integer("bib number", 1, 9000, "start number"),
                    _integer("past races", 0, 70, "races run before", "number of past races"),
                ),
                ("racers",),
                "marathon",
                "who ran in",
            ),
            Table(
                "marathon",
                "marathons",
                (
                    _name(
                        "race name",
                        """Autumn Run, Bay Race, City Classic, Desert Dash, Eiger Run,
                Forest Loop, Gold Coast Run, Heritage Race, Island Run, Lake Circuit, Midnight
                Run, Old Town Race, Peace Run, Royal Mile Run""",
                        "name",
                    ),
                    _category("surface", "Road, Trail, Sand, Track", "ground"),
                    _integer("entry fee", 10, 260, "fee to enter", more="more expensive", less="cheaper"),
                    _integer("total climb", 5, 1900, "metres of climb", more="hillier", less="flatter"),
                    _date("race date", 2012, 2024, "day of the race"),
                ),
                ("long races",),
            ),
        ),
        _words("""shoe brand, coach, heart rate, prize money, body weight, blister count,
        training hours, shirt size"""),
    ),
    Family(
        "cheese",
        "dpo",
        (
            Table(
                "cheese",
                "cheeses",
                (
                    _name(
                        "name",
                        """Alpine Wheel, Blue Cave, Cream Hill, Dutch Ball, Ewe Gold, Farm
                Brick, Goat Log, Herb Ring, Iron Rind, Jura Cut, Kings Blue, Lake Smoked, Monks
                Choice, Nut Round, Old Reserve, Pepper Jack""",
                        "cheese name",
                    ),
                    _category("milk", "Cow, Goat, Sheep, Buffalo", "milk type"),
                    _category("texture", "Soft, Hard, Creamy, Crumbly", "firmness"),
                    _integer("minimum ageing", 1, 12, "shortest ageing in months"),
                    _integer("maximum ageing", 12, 60, "longest ageing in months"),
                    _real("fat content", 12, 70, "fat percent", "share of fat", more="fattier", less="leaner"),
                    _real("price per kilo", 6, 85, "kilo price", more="more expensive", less="cheaper"),
                ),
                ("cheese sorts",),
                "dairy",
                "produced by",
            ),
            Table(
                "dairy",
                "dairies",
                (
                    _name(
                        "name",
                        """Arla Hill, Bright Cow, Clover Lane, Daisy Meadow, Engel Hof, Fresh
                Pail, Green Pasture, Haystack, Jersey Gold, Kuhn, Long Meadow, Milk Way, Nordic
                Cream, Old Churn""",
                        "dairy name",
                    ),
                    _category("country", "France, Denmark, Switzerland, Italy", "nation"),
                    _integer("cow count", 12, 2400, "number of cows", more="bigger", less="smaller"),
                    _integer("daily milk", 150, 48000, "litres of milk per day", "milk per day"),
                    _integer("founding year", 1850, 2015, "year it was founded"),
                ),
                ("creameries",),
            ),
        ),
        _words("""smell, rind colour, wine match, export licence, mould type, calories, package
        size, award"""),
    ),
    Family(
        "video games",
        "dpo",
        (
            Table(
                "video game",
                "video games",
                (
                    _name(
                        "title",
                        """Sky Raiders, Pixel Farm, Shadow Maze, Turbo Kart, Star Colony,
                Ninja Path, Zombie Bay, Deep Mine, Puzzle Box, Dragon Valley, Goal Hero, Ghost
                Ship, Alien Garden, Steel Arena, Word Ninja, Crystal Saga""",
                        "game title",
                    ),
                    _category("platform", "Console, Computer, Mobile, Handheld", "device"),
                    _category("genre", "Racing, Puzzle, Adventure, Sport, Strategy", "kind of game"),
                    _real("launch price", 2, 80, "price at launch"),
                    _real("present price", 0.5, 60, "price now", "price today"),
                    _integer("level count", 5, 240, "number of levels"),
                    _integer("player age", 3, 18, "minimum age", "age limit"),
                    _date("release date", 2005, 2024, "day it came out"),
                ),
                ("computer games",),
                "game studio",
                "developed by",
            ),
            Table(
                "game studio",
                "game studios",
                (
                    _name(
                        "studio name",
                        """Acid Fox, Big Button, Cloud Nine, Dead Pixel, Eight Bit,
                Frozen Byte, Giant Mouse, Happy Loop, Iron Duck, Jade Cube, Lazy Panda, Magic
                Wand, Night Shift, Odd Shape""",
                        "name",
                    ),
                    _category("country", "Japan, Poland, Canada, Finland", "home country"),
                    _integer("coder count", 2, 900, "number of coders", more="bigger", less="smaller"),
                    _real("yearly revenue", 20000, 900000, "revenue per year", "money earned per year"),
                    _integer("founding year", 1982, 2021, "year it was founded", more="younger", less="older"),
                ),
                ("developers",),
            ),
        ),
        _words("""download size, voice actor, cheat code, soundtrack, save slots, online servers,
        critic score, graphics engine"""),
    ),
    Family(
        "farms",
        "dpo",
        (
            Table(
                "tractor",
                "tractors",
                (
                    _name(
                        "nickname",
                        """Big Red, Old Faithful, Green Giant, Mud King, Blue Ox, Thunder,
                Goliath, Little Joe, Rusty, Field Boss, Samson, Yellow Peril, Workhorse,
                Hercules, Plough Boy""",
                        "name",
                    ),
                    _category("brand", "Fendo, Agri Star, Massey, Valta", "make"),
                    _category("drive type", "Two Wheel, Four Wheel, Track, Crawler", "kind of drive"),
                    _integer("engine power", 25, 480, "power in horses", more="stronger", less="weaker"),
                    _integer("engine hours", 50, 14000, "hours run", "hours on the engine"),
                    _real("fuel use", 4, 45, "fuel per hour", "litres per hour"),
                    _integer("resale value", 2000, 180000, "value when sold again"),
                ),
                ("farm machines",),
                "farm",
                "used on",
            ),
            Table(
                "farm",
                "farms",
                (
                    _name(
                        "name",
                        """Apple Tree, Broad Acre, Crow Wood, Dale End, East Meadow, Frog
                Pond, Goose Green, Hay Barn, Ivy House, Low Field, Manor Land, North Acre,
                Orchard View, Pine Ridge""",
                        "farm name",
                    ),
                    _category("main crop", "Wheat, Maize, Potato, Barley, Beet", "crop"),
                    _real("total area", 8, 1900, "area in acres", more="larger", less="smaller"),
                    _real("planted area", 4, 1500, "area under crops"),
                    _integer("farm hands", 1, 60, "number of farm hands"),
                ),
                ("homesteads",),
            ),
        ),
        _words("""driver, seat type, purchase date, tyre size, colour, insurance number, repair
        bill, number plate"""),
    ),
    Family(
        "perfume",
        "dpo",
        (
            Table(
                "perfume",
                "perfumes",
                (
                    _name(
                        "name",
                        """Amber Night, Blue Mist, Citrus Kiss, Desert Rose, Eternal Sun, Fig
                Leaf, Golden Hour, Hidden Musk, Iris Noir, Jasmine Rain, Lady Luck, Magic Wood,
                Neroli Sky, Ocean Skin, Pure Velvet, Rebel Heart""",
                        "perfume name",
                    ),
                    _category("scent family", "Floral, Woody, Fresh, Oriental, Fruity", "kind of scent"),
                    _category("target buyer", "Women, Men, Unisex, Teens", "target group"),
                    _integer("bottle volume", 15, 200, "millilitres per bottle", more="bigger", less="smaller"),
                    _real("shop price", 9, 320, "price in the shop", more="more expensive", less="cheaper"),
                    _real("online price", 7, 290, "price on the internet"),
                    _integer("lasting hours", 2, 24, "hours it lasts", more="longer lasting", less="shorter lasting"),
                    _integer("creation year", 1921, 2024, "year it was created", more="newer", less="older"),
                ),
                ("fragrances",),
            ),
        ),
        _words("""alcohol share, advert star, bottle designer, skin warning, factory, import
        country, cap colour, stock level"""),
    ),
    Family(
        "newspaper",
        "dpo",
        (
            Table(
                "news article",
                "news articles",
                (
                    _name(
                        "headline",
                        """Storm Hits Coast, Mayor Resigns, New Bridge Opens, Prices Climb
                Again, Cup Final Drama, Bees in Danger, School Wins Award, Power Cut in East,
                Trains on Strike, Gold Found in Attic, Rain Saves Crops, Robots at Work, Old
                Cinema Closes, Bakers Protest, Star Visits Town""",
                        "article title",
                    ),
                    _category("section", "Politics, Sport, Business, Culture, Local", "newspaper section"),
                    _integer("word count", 120, 3200, "number of words", more="longer", less="shorter"),
                    _integer("online views", 50, 600000, "views on the site"),
                    _integer("comment count", 0, 2200, "number of comments"),
                    _integer("photo count", 0, 14, "number of photos"),
                    _date("print date", 2015, 2024, "day it was printed"),
                ),
                ("news stories",),
                "reporter",
                "filed by",
            ),
            Table(
                "reporter",
                "reporters",
                (
                    _name(
                        "full name",
                        """Alma Reyes, Burt Coleman, Cathy Doyle, Dmitri Vale, Ellen
                Stark, Frida Nash, Gareth Pugh, Hope Larkin, Ivy Chambers, Jude Farrow, Kofi
                Boateng, Lois Kemp, Murray Tate, Nadia Haas""",
                        "name",
                    ),
                    _category("beat", "Crime, Sport, Money, Arts, City Hall", "field of work"),
                    _integer("weekly stories", 1, 15, "stories per week"),
                    _integer("monthly pay", 1500, 7800, "pay per month", more="better paid", less="worse paid"),
                    _integer("career years", 0, 41, "years in the trade", "years of experience"),
                ),
                ("journalists",),
            ),
        ),
        _words("""editor, page number, informant, advert income, font, printing cost,
        correction, translation"""),
    ),
    Family(
        "swimming pools",
        "dpo",
        (
            Table(
                "swimming pool",
                "swimming pools",
                (
                    _name(
                        "name",
                        """Aqua Dome, Beach Lane, Crystal Pool, Dolphin Bath, Eastside Lido,
                Fountain Bath, Garden Pool, Hillside Lido, Island Bath, Kids Splash, Lagoon,
                Marine Bath, North Lido, Olympic Bath, Palm Pool""",
                        "pool name",
                    ),
                    _category("roof", "Indoor, Outdoor, Retractable, Tent", "roof type"),
                    _category("water type", "Fresh, Salt, Thermal, Mineral", "kind of water"),
                    _real("shallow end depth", 0.3, 1.4, "depth at the shallow end"),
                    _real("deep end depth", 1.5, 5.5, "depth at the deep end"),
                    _integer("lane count", 1, 12, "number of lanes"),
                    _real("adult ticket", 2, 19, "price for an adult"),
                    _integer("daily swimmers", 20, 2600, "swimmers per day", more="busier", less="quieter"),
                ),
                ("public baths",),
            ),
        ),
        _words("""lifeguard, chlorine level, slide height, closing time, sauna, towel price, tile
        colour, heating cost"""),
    ),
)

_DEV = (
    Family(
        "dentist",
        "dev",
        (
            Table(
                "dental visit",
                "dental visits",
                (
                    _name(
                        "visit code",
                        """DV-01, DV-02, DV-03, DV-04, DV-05, DV-06, DV-07, DV-08,
                DV-09, DV-10, DV-11, DV-12, DV-13, DV-14, DV-15, DV-16""",
                        "code",
                    ),
                    _category("treatment", "Filling, Cleaning, Crown, Root Canal, Braces", "kind of treatment"),
                    _category("payment method", "Cash, Card, Insurance, Invoice", "way of paying"),
                    _real("treatment cost", 20, 2400, "cost of treatment", more="more expensive", less="cheaper"),
                    _real("amount paid", 0, 2000, "money paid so far"),
                    _integer("chair minutes", 10, 180, "minutes in the chair", more="longer", less="shorter"),
                    _integer("teeth treated", 1, 16, "number of teeth treated"),
                    _date("visit date", 2019, 2024, "day of the visit"),
                ),
                ("appointments",),
                "dentist",
                "handled by",
            ),
            Table(
                "dentist",
                "dentists",
                (
                    _name(
                        "full name",
                        """Anton Bright, Berta Molar, Chloe Dent, Derya Polat, Enzo
                Ricci, Faith Oduya, Gary Plume, Hetty Snow, Ismail Karim, Judy Pearl, Kamal Das,
                Lotte Frank, Mirko Zec, Nancy Boone""",
                        "name",
                    ),
                    _category("practice town", "Bath, Ely, Ripon, Wells, York", "town"),
                    _integer("practice years", 1, 42, "years in practice"),
                    _integer("weekly patients", 12, 130, "patients per week", more="busier", less="less busy"),
                    _real("review score", 1, 5, "score in reviews", more="better reviewed", less="worse reviewed"),
                ),
                ("tooth doctors",),
            ),
        ),
        _words("""patient age, anaesthetic, waiting time, x-ray picture, pain level, assistant,
        follow-up date, toothbrush"""),
    ),
    Family(
        "software bugs",
        "dev",
        (
            Table(
                "bug report",
                "bug reports",
                (
                    _name(
                        "summary",
                        """Login fails, Slow search, Button hidden, Wrong total, Crash on
                save, Blank page, Font too small, Lost session, Double email, Date off by one,
                Broken link, Menu flickers, Upload stuck, Sound missing, Memory leak, Icon
                blurred""",
                        "bug summary",
                    ),
                    _category("severity", "Minor, Major, Critical, Trivial", "severity level"),
                    _category("state", "Open, Fixed, Rejected, Duplicate", "current state"),
                    _integer("vote count", 0, 320, "number of votes"),
                    _real("estimated hours", 0.5, 60, "hours estimated", "hours expected"),
                    _real("spent hours", 0, 90, "hours spent", "hours used"),
                    _integer("files touched", 1, 48, "number of files touched"),
                    _date("report date", 2017, 2024, "day it was reported"),
                ),
                ("bugs",),
                "software package",
                "found in",
            ),
            Table(
                "software package",
                "software packages",
                (
                    _name(
                        "package name",
                        """Alpha Mail, Budget Pal, Chart Kit, Doc Flow, Easy Form,
                File Hub, Grid View, Help Bot, Ink Note, Job Queue, Key Safe, Log Eye, Map Tool,
                Net Scan""",
                        "name",
                    ),
                    _category("language", "Python, Java, Rust, Go", "programming language"),
                    _category("licence", "Open, Commercial, Trial, Academic", "licence type"),
                    _integer("code lines", 900, 800000, "lines of code", more="bigger", less="smaller"),
                    _integer("user count", 10, 90000, "number of users", more="more used", less="less used"),
                ),
                ("programs",),
            ),
        ),
        _words("""tester, browser, screenshot, operating system, reporter email, customer,
        server, due date"""),
    ),
    Family(
        "islands",
        "dev",
        (
            Table(
                "island",
                "islands",
                (
                    _name(
                        "name",
                        """Almara, Bird Rock, Coral Key, Drift Isle, Elba Minor, Far Tern,
                Great Palm, Half Moon, Isla Sol, Kelp Holm, Little Palm, Mist Isle, North
                Skerry, Otter Key, Pearl Cay, Raven Holm""",
                        "island name",
                    ),
                    _category("ocean", "Atlantic, Pacific, Indian, Arctic, Southern", "surrounding ocean"),
                    _category("climate", "Tropical, Mild, Cold, Dry", "weather type"),
                    _real("land area", 0.2, 2400, "area in square kilometres", more="larger", less="smaller"),
                    _integer("coast length", 2, 900, "length of the coast"),
                    _integer("winter population", 0, 40000, "people in winter"),
                    _integer("summer population", 0, 90000, "people in summer"),
                    _integer("highest point", 2, 2900, "highest point in metres"),
                ),
                ("isles",),
            ),
        ),
        _words("""owner, main language, boat connection, tax rate, bird species, hotel price,
        discovery year, currency"""),
    ),
    Family(
        "skiing",
        "dev",
        (
            Table(
                "ski run",
                "ski runs",
                (
                    _name(
                        "name",
                        """Avalanche, Blue Bird, Chamois, Devil Drop, Easy Rider, Fox Trail,
                Glacier, Hare Trail, Ice Wall, Kids Loop, Lone Pine, Mogul Field, North Face,
                Panorama, Powder Bowl, Sunny Side""",
                        "run name",
                    ),
                    _category("difficulty", "Green, Blue, Red, Black", "difficulty colour"),
                    _category("snow state", "Powder, Packed, Icy, Wet", "snow condition"),
                    _integer("start altitude", 1500, 3600, "altitude at the top"),
                    _integer("end altitude", 700, 2400, "altitude at the bottom"),
                    _real("run length", 0.3, 12, "length in kilometres", more="longer", less="shorter"),
                    _integer("snow depth", 10, 320, "depth of snow"),
                ),
                ("slopes",),
                "ski resort",
                "located at",
            ),
            Table(
                "ski resort",
                "ski resorts",
                (
                    _name(
                        "resort name",
                        """Adler Berg, Bella Neve, Cloud Peak, Drei Zinnen, Frost
                Valley, Grand Blanc, Hoch Alm, Ice Creek, Kristall, Lauben, Monte Freddo,
                Nordpark, Polar Star, Snow Basin""",
                        "name",
                    ),
                    _category("country", "Austria, France, Italy, Andorra", "nation"),
                    _real("day pass", 18, 140, "price of a day pass", more="more expensive", less="cheaper"),
                    _integer("lift count", 2, 85, "number of lifts"),
                    _integer("season days", 60, 220, "days in the season"),
                ),
                ("winter resorts",),
            ),
            Table(
                "ski teacher",
                "ski teachers",
                (
                    _name(
                        "teacher name",
                        """Aldo Neri, Birgit Horn, Corin Vial, Denise Roux, Egon
                Stroh, Franzi Lutz, Gino Alba, Heike Stamm, Jean Pernet, Klara Senn, Luca Monti,
                Margot Faure, Nils Berger, Otto Klamm""",
                        "name",
                    ),
                    _category("course language", "German, French, Italian, English", "language"),
                    _integer("lesson price", 30, 160, "price per lesson"),
                    _integer("pupil limit", 1, 12, "most pupils at once"),
                    _integer("accident count", 0, 9, "number of accidents"),
                ),
                ("ski instructors",),
                "ski resort",
                "hired by",
            ),
        ),
        _words(
            """designer, lighting, rescue team, grooming time, fence type, speed record,
        bump height, marker pole"""
            ""
        ),
    ),
    Family(
        "tea",
        "dev",
        (
            Table(
                "tea",
                "teas",
                (
                    _name(
                        "blend name",
                        """Amber Leaf, Breakfast Gold, Cloud Mist, Dragon Well, Earl
                Blue, First Flush, Gunpowder, Honey Bush, Imperial Oolong, Jasmine Pearl, Kings
                Smoke, Lemon Balm, Mint Mosaic, Night Calm, Orange Spice, Peony White""",
                        "name",
                    ),
                    _category("leaf type", "Black, Green, White, Oolong, Herbal", "kind of leaf"),
                    _category("origin", "China, India, Japan, Ceylon, Kenya", "country of origin"),
                    _integer("minimum steep time", 1, 4, "shortest brewing time"),
                    _integer("maximum steep time", 4, 12, "longest brewing time"),
                    _integer("water temperature", 60, 100, "brewing temperature", more="hotter", less="cooler"),
                    _real("tin price", 3, 75, "price per tin", more="more expensive", less="cheaper"),
                    _integer("caffeine", 0, 90, "caffeine content", "milligrams of caffeine"),
                ),
                ("tea blends",),
            ),
        ),
        _words("""tin colour, farmer, harvest month, customer rating, organic label, milk advice,
        import tax, warehouse"""),
    ),
    Family(
        "buses",
        "dev",
        (
            Table(
                "bus route",
                "bus routes",
                (
                    _name(
                        "route code",
                        """10, 12A, 14, 17, 21, 23B, 28, 33, 36, 41, 44X, 52, 57, 63,
                N5, N8""",
                        "code",
                    ),
                    _category("service type", "City, Express, Night, School, Tourist", "kind of service"),
                    _category("fare zone", "Inner, Middle, Outer, Airport Zone", "zone"),
                    _integer("stop count", 4, 60, "number of stops"),
                    _real("route distance", 2, 75, "distance in kilometres", more="longer", less="shorter"),
                    _integer("peak interval", 3, 30, "minutes between buses at peak"),
                    _integer("evening interval", 10, 90, "minutes between buses in the evening"),
                    _integer("daily riders", 90, 24000, "riders per day", more="busier", less="quieter"),
                ),
                ("bus lines",),
                "bus depot",
                "operated from",
            ),
            Table(
                "bus depot",
                "bus depots",
                (
                    _name(
                        "depot name",
                        """Ash Yard, Brick Lane, Canal Yard, Dock Yard, Elder Road,
                Factory Road, Gas Street, Hope Yard, Ink Lane, King Yard, Lamp Street, Mill
                Yard, New Yard, Orchard Yard""",
                        "name",
                    ),
                    _category("fuel station", "Diesel, Gas, Electric, Hydrogen", "fuel offered"),
                    _integer("bus places", 12, 240, "room for buses", more="bigger", less="smaller"),
                    _integer("mechanic count", 2, 45, "number of mechanics"),
                    _integer("opening year", 1925, 2021, "year it opened", more="newer", less="older"),
                ),
                ("bus garages",),
            ),
        ),
        _words("""driver, ticket price, seat colour, first departure, wheelchair ramp, accident
        record, advert, bus length"""),
    ),
    Family(
        "sculptures",
        "dev",
        (
            Table(
                "sculpture",
                "sculptures",
                (
                    _name(
                        "title",
                        """Broken Circle, Crying Stone, Dancer Two, Eternal Knot, Falling
                Man, Giant Hand, Hollow Head, Iron Tree, Joy, Kneeling Boy, Long Shadow, Mother
                Earth, Open Cage, Quiet Wave, Rising Bird, Sleeping Bull""",
                        "work title",
                    ),
                    _category("material", "Bronze, Marble, Wood, Clay, Glass", "stuff it is made of"),
                    _category("setting", "Park, Plaza, Garden, Lobby", "place type"),
                    _real("height", 0.2, 24, "height in metres", more="taller", less="shorter"),
                    _real("weight", 3, 9000, "weight in kilograms", more="heavier", less="lighter"),
                    _integer("asking price", 300, 400000, "price asked"),
                    _integer("paid price", 200, 380000, "price paid", "final price"),
                ),
                ("statues",),
                "sculptor",
                "carved by",
            ),
            Table(
                "sculptor",
                "sculptors",
                (
                    _name(
                        "artist name",
                        """Ansel Grey, Bruna Leite, Cosima Hart, Dagny Moe, Emeka Obi,
                Fabio Conti, Greer Stone, Hamid Nouri, Ilse Brandt, Jonah Clay, Katya Melnik,
                Lorenzo Gatti, Mina Sung, Ottilie Baum""",
                        "name",
                    ),
                    _category("school", "Classic, Modern, Folk, Minimal", "art school"),
                    _integer("birth year", 1880, 1990, "year of birth", more="younger", less="older"),
                    _integer("show count", 1, 85, "number of shows"),
                    _integer("pupil count", 0, 40, "number of pupils"),
                ),
                ("carvers",),
            ),
        ),
        _words("""insurance, model person, cleaning method, transport company, visitor count,
        paint colour, base stone, unveiling date"""),
    ),
    Family(
        "beekeeping",
        "dev",
        (
            Table(
                "beehive",
                "beehives",
                (
                    _name(
                        "hive label",
                        """Amber, Blossom, Clover, Dandelion, Elder, Foxglove, Gorse,
                Heather, Indigo, Jasmine, Lavender, Meadow, Nectar, Orchard, Pollen, Rose""",
                        "label",
                    ),
                    _category("hive type", "Top Bar, Log, Box, Skep", "kind of hive"),
                    _category("bee race", "Italian, Carnica, Buckfast, Dark Bee", "race of bee"),
                    _integer("bee count", 4000, 80000, "number of bees", more="fuller", less="emptier"),
                    _real("spring honey", 0, 30, "honey in spring", "spring harvest"),
                    _real("autumn honey", 0, 40, "honey in autumn", "autumn harvest"),
                    _integer("queen age", 0, 5, "age of the queen"),
                    _date("check date", 2021, 2024, "day of the last check"),
                ),
                ("hives",),
                "beekeeper",
                "kept by",
            ),
            Table(
                "beekeeper",
                "beekeepers",
                (
                    _name(
                        "full name",
                        """Alban Root, Bess Hartley, Cyril Combs, Dot Meadows, Ernst
                Imker, Flo Garland, Gwyn Evans, Hal Thicket, Inga Holm, Jed Waxman, Kurt Biene,
                Lou Fields, Meg Sweeting, Ned Blossom""",
                        "name",
                    ),
                    _category("village", "Alderley, Bramley, Corfe, Dunster", "home village"),
                    _integer("hobby years", 1, 50, "years of keeping bees"),
                    _real("jar price", 3, 18, "price per jar", more="more expensive", less="cheaper"),
                    _integer("sting count", 0, 300, "number of stings"),
                ),
                ("bee farmers",),
            ),
        ),
        _words("""wax weight, mite level, paint colour, hive cost, wind shelter, swarm date,
        nearest flower, sugar feed"""),
    ),
)

_TEST = (
    Family(
        "archaeology",
        "test",
        (
            Table(
                "artifact",
                "artifacts",
                (
                    _name(
                        "label",
                        """Bronze Ring, Clay Lamp, Stone Axe, Glass Bead, Bone Needle, Gold
                Coin, Iron Key, Silver Comb, Painted Jar, Stone Seal, Horse Figure, Copper Bowl,
                Jade Mask, Wooden Flute, Ivory Dice, Lead Weight""",
                        "artifact label",
                    ),
                    _category("period", "Stone Age, Bronze Age, Iron Age, Roman, Medieval", "historical period"),
                    _category("condition", "Whole, Cracked, Broken, Fragment", "state of preservation"),
                    _integer("estimated age", 300, 12000, "age in years", more="older", less="younger"),
                    _real("find depth", 0.1, 14, "depth in metres", more="deeper", less="shallower"),
                    _real("cleaned weight", 0.01, 40, "weight after cleaning"),
                    _real("raw weight", 0.02, 48, "weight before cleaning"),
                    _date("find date", 1990, 2023, "day it was found"),
                ),
                ("relics",),
                "dig site",
                "dug up at",
            ),
            Table(
                "dig site",
                "dig sites",
                (
                    _name(
                        "site name",
                        """Amber Mound, Barrow Hill, Chalk Pit, Drum Fort, Elder Cross,
                Flint Bank, Gate Field, Hollow Way, Kiln Yard, Long Barrow, Mud Tell, Old Ford,
                Priory Field, Stone Ring""",
                        "name",
                    ),
                    _category("country", "Greece, Turkey, Egypt, Peru, England", "nation"),
                    _integer("trench count", 1, 36, "number of trenches"),
                    _integer("digger count", 3, 140, "number of diggers"),
                    _real(
                        "season budget", 4000, 600000, "budget per season", more="better funded", less="worse funded"
                    ),
                ),
                ("excavations",),
            ),
        ),
        _words("""finder, market value, museum room, carbon test, inscription, colour, photo,
        storage box"""),
    ),
    Family(
        "lighthouses",
        "test",
        (
            Table(
                "lighthouse",
                "lighthouses",
                (
                    _name(
                        "name",
                        """Anvil Point, Beacon Rock, Cape Wrath, Dark Head, East Spit, Fog
                Island, Gannet Rock, Hook Head, Kettle Ness, Lone Skerry, Maiden Rock, North
                Foreland, Old Neptune, Pilot Hill, Seal Point, Wolf Rock""",
                        "lighthouse name",
                    ),
                    _category("lamp colour", "White, Red, Green, Yellow", "colour of the light"),
                    _category("tower shape", "Round, Square, Eight Sided, Skeleton", "shape"),
                    _integer("tower height", 6, 80, "height of the tower", more="taller", less="shorter"),
                    _integer("light height", 10, 240, "height of the light above the sea"),
                    _integer("light range", 4, 32, "range in sea miles", "how far it shines"),
                    _integer("step count", 20, 400, "number of steps"),
                    _integer("lighting year", 1730, 1990, "year it was first lit", more="newer", less="older"),
                ),
                ("light towers",),
            ),
        ),
        _words("""keeper, electricity bill, fog horn, ship crashes, ticket price, bulb maker,
        radio code, architect"""),
    ),
    Family(
        "shipwrecks",
        "test",
        (
            Table(
                "shipwreck",
                "shipwrecks",
                (
                    _name(
                        "ship name",
                        """Amity, Black Swan, Concordia, Dauntless, Endeavour, Fair Rosa,
                Golden Hind II, Hermes, Invictus, Juno Bay, Lady Grey, Mary Louise, Neptune,
                Ocean Pride, Providence, Queen Maud""",
                        "name",
                    ),
                    _category("ship type", "Cargo, Warship, Fishing Boat, Tanker, Passenger", "kind of ship"),
                    _category("cause", "Storm, Fire, Collision, Mine, Reef", "reason it sank"),
                    _integer("sinking year", 1700, 2010, "year it sank", more="more recent", less="older"),
                    _integer("sea depth", 5, 4200, "depth in metres", more="deeper", less="shallower"),
                    _integer("survivors", 0, 900, "people saved", "number of survivors"),
                    _integer("victims", 0, 1500, "people lost", "number of deaths"),
                    _real("cargo value", 1000, 5000000, "value of the cargo"),
                ),
                ("sunken ships",),
            ),
        ),
        _words("""captain, owner, diving permit, anchor weight, builder, flag, insurance payout,
        film"""),
    ),
    Family(
        "opera",
        "test",
        (
            Table(
                "opera",
                "operas",
                (
                    _name(
                        "title",
                        """The Blind King, Rosalba, Night of Masks, The Sea Bride, Don
                Felice, Queen of Snow, Last Duel, Fortuna, The Miller, Lucia in Rome, Black
                Domino, The Exile, Amina, Golden Apple, The Spy, Orfeo Returns""",
                        "opera title",
                    ),
                    _category("sung language", "Italian, German, French, Russian", "language"),
                    _category("mood", "Tragic, Comic, Heroic, Romantic", "tone"),
                    _integer("act count", 1, 5, "number of acts"),
                    _integer("playing time", 45, 310, "minutes of music", more="longer", less="shorter"),
                    _integer("writing year", 1690, 1920, "year it was written"),
                    _integer("premiere year", 1692, 1930, "year of the first performance"),
                    _integer("role count", 3, 28, "number of roles"),
                ),
                ("music dramas",),
                "composer",
                "composed by",
            ),
            Table(
                "composer",
                "composers",
                (
                    _name(
                        "composer name",
                        """Aldo Ferrara, Bruno Keller, Cesare Monti, Dimitri Orloff,
                Emile Garnier, Franz Adler, Giulio Serra, Heinrich Bach Jr, Ivo Marek, Jules
                Lambert, Karl Winter, Luigi Bassi, Modest Balin, Otto Strauss""",
                        "name",
                    ),
                    _category("era", "Baroque, Classical, Romantic, Modern", "musical era"),
                    _integer("life span", 26, 94, "years lived", more="longer lived", less="shorter lived"),
                    _integer("symphony count", 0, 41, "number of symphonies"),
                    _integer("child count", 0, 13, "number of children"),
                ),
                ("music writers",),
            ),
            Table(
                "aria",
                "arias",
                (
                    _name(
                        "first line",
                        """O bright morning, Farewell my land, The rose is dead, Come
                gentle night, My sword is true, Sing little bird, I curse this ring, The stars
                are cold, Dance with me, A letter came, Hush my child, Now I must go, Wine and
                laughter, The sea has taken""",
                        "opening words",
                    ),
                    _category("voice", "Soprano, Alto, Tenor, Bass", "voice type"),
                    _integer("seconds", 90, 720, "length in seconds", more="longer", less="shorter"),
                    _integer("lowest note", 36, 60, "lowest pitch"),
                    _integer("highest note", 65, 90, "highest pitch"),
                ),
                ("solo songs",),
                "opera",
                "taken from",
            ),
        ),
        _words("""librettist, costume cost, conductor, ticket sales, stage design, orchestra
        size, applause time, poster"""),
    ),
    Family(
        "observatory",
        "test",
        (
            Table(
                "telescope",
                "telescopes",
                (
                    _name(
                        "name",
                        """Argus, Big Eye, Cyclops, Deep Look, Eagle Lens, Far Sight, Giant
                Mirror, Hawk View, Iris Dish, Lone Star, Magellan Two, Night Watch, Owl,
                Polaris, Quasar, Sky Bowl""",
                        "telescope name",
                    ),
                    _category("wave type", "Optical, Radio, Infrared, X-Ray", "kind of waves"),
                    _category("mount", "Fork, Dome, Rail, Fixed", "mount type"),
                    _real("mirror diameter", 0.2, 39, "diameter of the mirror", more="bigger", less="smaller"),
                    _integer("booked nights", 20, 360, "nights booked"),
                    _integer("clear nights", 10, 330, "nights with clear sky"),
                    _integer("star count", 500, 900000, "stars recorded", "number of stars"),
                    _date("first light date", 1950, 2023, "day of first light"),
                ),
                ("scopes",),
                "observatory",
                "housed at",
            ),
            Table(
                "observatory",
                "observatories",
                (
                    _name(
                        "observatory name",
                        """Alto Cielo, Black Mesa, Cerro Frio, Dark Valley, Etna
                View, Frost Point, High Llano, Iron Peak, Kona Top, La Silla Norte, Mauna Alta,
                Nordkap, Outback Sky, Pico Solo""",
                        "name",
                    ),
                    _category("country", "Chile, Spain, Hawaii, Australia", "nation"),
                    _integer("altitude", 200, 5200, "height above the sea", more="higher", less="lower"),
                    _integer("astronomer count", 2, 75, "number of astronomers"),
                    _integer("power use", 50, 9000, "electricity used"),
                ),
                ("star stations",),
            ),
        ),
        _words("""builder, lens coating, visitor fee, weight, software, camera price, discovered
        planets, cooling liquid"""),
    ),
    Family(
        "auctions",
        "test",
        (
            Table(
                "auction lot",
                "auction lots",
                (
                    _name(
                        "lot title",
                        """Ming Vase, Pocket Watch, Oak Desk, Pearl Necklace, War Medal,
                First Edition, Silver Spoon Set, Persian Rug, Toy Train, Violin, Crystal Lamp,
                Stamp Album, Wine Case, Marble Bust, Racing Car, Royal Letter""",
                        "title",
                    ),
                    _category("lot type", "Jewellery, Antique, Book, Toy, Vehicle", "kind of lot"),
                    _category("lot state", "Mint, Good, Worn, Damaged", "state"),
                    _integer("starting bid", 10, 40000, "opening bid", "first bid"),
                    _integer("winning bid", 15, 90000, "final bid", "highest bid"),
                    _integer("bidder count", 1, 60, "number of bidders", more="more contested", less="less contested"),
                    _date("sale date", 2008, 2024, "day of the sale"),
                ),
                ("lots",),
                "auction house",
                "sold by",
            ),
            Table(
                "auction house",
                "auction houses",
                (
                    _name(
                        "house name",
                        """Abbot and Hill, Brook Lane, Carrow, Dewitt, Elder and Son,
                Frith, Gavel Hall, Hammer Street, Ivory Rooms, Jarrold, Keller Fine Art, Lyon,
                Mason Rooms, Orbell""",
                        "name",
                    ),
                    _category("city", "London, Geneva, Paris, New York", "town"),
                    _real("seller fee", 2, 25, "fee for the seller"),
                    _real("buyer fee", 5, 30, "fee for the buyer"),
                    _integer("yearly sales", 12, 400, "sales per year", more="busier", less="quieter"),
                ),
                ("sale rooms",),
            ),
        ),
        _words("""buyer age, shipping cost, catalogue page, expert, storage room, tax rate,
        payment date, forgery test"""),
    ),
    Family(
        "horse racing",
        "test",
        (
            Table(
                "race horse",
                "race horses",
                (
                    _name(
                        "horse name",
                        """Autumn Thunder, Bold Venture, Cold Steel, Desert Prince, Easy
                Money, Flying Colours, Grey Ghost, High Noon, Iron Duke, Jolly Roger, Kings
                Ransom, Lucky Strike, Midnight Sun, Night Rider, Quick Silver, Royal Flush""",
                        "name",
                    ),
                    _category("coat", "Bay, Chestnut, Grey, Black, Roan", "coat colour"),
                    _category("sex", "Mare, Stallion, Gelding, Filly", "sex of the horse"),
                    _integer("race starts", 1, 70, "races started"),
                    _integer("race wins", 0, 32, "races won", more="more successful", less="less successful"),
                    _integer("prize money", 0, 900000, "money won"),
                    _real("top speed", 48, 72, "highest speed", more="faster", less="slower"),
                    _date("foaling date", 2010, 2021, "date of birth", "birthday"),
                ),
                ("thoroughbreds",),
                "stable",
                "trained at",
            ),
            Table(
                "stable",
                "stables",
                (
                    _name(
                        "stable name",
                        """Ascot Yard, Blue Barn, Chase House, Derby Lodge, Epsom Farm,
                Furlong, Gallop Hill, Hoof House, Irish Mist, Jockey Lane, Lambourn, Meadow
                Barn, Newmarket End, Paddock View""",
                        "name",
                    ),
                    _category("county", "Kildare, Berkshire, Suffolk, Kentucky", "district"),
                    _integer("box count", 6, 180, "number of boxes", more="bigger", less="smaller"),
                    _integer("groom count", 2, 70, "number of grooms"),
                    _real("monthly board", 300, 4200, "board per month", more="more expensive", less="cheaper"),
                ),
                ("racing yards",),
            ),
        ),
        _words("""jockey, owner, saddle size, betting odds, food brand, height, vet bill, mother,
        horse shoe"""),
    ),
    Family(
        "pharmacy",
        "test",
        (
            Table(
                "medicine",
                "medicines",
                (
                    _name(
                        "brand name",
                        """Acutol, Brevin, Calmex, Dermasol, Ebrafen, Fluvex, Gastrol,
                Histal, Immuno Plus, Jointex, Kardia, Lungo, Migrol, Nasovin, Optivis, Painol""",
                        "name",
                    ),
                    _category("form", "Tablet, Syrup, Cream, Spray, Drops", "dosage form"),
                    _category("sale rule", "Free Sale, Prescription, Hospital Only, Restricted", "sale class"),
                    _integer("child dose", 1, 250, "dose for a child"),
                    _integer("adult dose", 5, 1000, "dose for an adult"),
                    _real("pack price", 1.5, 290, "price per pack", more="more expensive", less="cheaper"),
                    _integer("side effects", 0, 30, "number of side effects"),
                    _date("approval date", 1985, 2024, "day it was approved"),
                ),
                ("drugs",),
                "drug company",
                "made by",
            ),
            Table(
                "drug company",
                "drug companies",
                (
                    _name(
                        "firm name",
                        """Avena Pharma, Biogenta, Curawell, Dorsan, Eurocure, Fidelis,
                Genvita, Helix Med, Innova, Jadran, Kurapharm, Lifeline, Medisol, Novacor""",
                        "name",
                    ),
                    _category("country", "Switzerland, Denmark, India, Israel", "home country"),
                    _integer("research staff", 10, 9500, "number of researchers"),
                    _integer("patent count", 1, 1200, "number of patents"),
                    _real("stock price", 2, 480, "price of a share"),
                ),
                ("pharma firms",),
            ),
        ),
        _words("""inventor, taste, storage temperature, pill colour, expiry date, active
        substance, stock level, leaflet"""),
    ),
    Family(
        "caves",
        "test",
        (
            Table(
                "cave",
                "caves",
                (
                    _name(
                        "name",
                        """Bat Hole, Blue Grotto, Crystal Hall, Dragon Den, Echo Pit, Frozen
                Cellar, Giant Throat, Hidden Lake, Ice Chimney, Jewel Hole, Lost River, Moon
                Milk, Narrow Gate, Painted Wall, Salt Room, Whisper Hole""",
                        "cave name",
                    ),
                    _category("rock", "Limestone, Gypsum, Lava, Ice, Marble", "kind of rock"),
                    _category("access", "Open, Guided, Closed, Divers Only", "access rule"),
                    _integer("mapped length", 50, 90000, "length mapped", "metres on the map"),
                    _integer("guessed length", 80, 160000, "length guessed", "length expected"),
                    _integer("vertical drop", 2, 1900, "drop in metres"),
                    _real("air temperature", 1, 24, "temperature", more="warmer", less="colder"),
                    _integer("bat count", 0, 60000, "number of bats"),
                ),
                ("caverns",),
            ),
        ),
        _words("""discoverer, guide, entry fee, light system, fossil, cave map, owner,
        rescue calls, nearest road"""),
    ),
    Family(
        "mining",
        "test",
        (
            Table(
                "mine",
                "mines",
                (
                    _name(
                        "mine name",
                        """Alder Shaft, Big Vein, Copper Queen, Deep Level, Eagle Pit,
                Far Drift, Grand Lode, Hard Rock, Iron Mouth, Jackpot, Lucky Seam, Mother Lode,
                North Shaft, Old Diggings, Rich Hill, Silver Bell""",
                        "name",
                    ),
                    _category("mineral", "Gold, Copper, Coal, Salt, Zinc", "mined mineral"),
                    _category("method", "Open Pit, Shaft, Drift, Dredging", "way of mining"),
                    _integer("shaft depth", 20, 3900, "depth of the shaft", more="deeper", less="shallower"),
                    _integer("ore mined", 500, 90000, "tons of ore"),
                    _integer("waste moved", 800, 200000, "tons of waste"),
                    _integer("miner count", 6, 4200, "number of miners"),
                    _integer("opening year", 1840, 2018, "year it opened"),
                ),
                ("pits",),
                "mining company",
                "owned by",
            ),
            Table(
                "mining company",
                "mining companies",
                (
                    _name(
                        "company name",
                        """Amber Metals, Basin Ores, Crown Mining, Delta Rock,
                Everlast, Fault Line, Gold Reef, Hematite Inc, Inca Metals, Kimber, Lodestar,
                Magma Group, Nugget, Orex""",
                        "name",
                    ),
                    _category("head office", "Perth, Lima, Toronto, Denver", "seat of the company"),
                    _real(
                        "yearly profit", 1000, 800000, "profit per year", more="more profitable", less="less profitable"
                    ),
                    _integer("fine count", 0, 60, "number of fines"),
                    _integer("helicopter count", 0, 12, "number of helicopters"),
                ),
                ("ore firms",),
            ),
        ),
        _words("""accident history, manager, closing year, water use, dust level, railway link,
        security guard, ore price"""),
    ),
    Family(
        "fashion",
        "test",
        (
            Table(
                "dress",
                "dresses",
                (
                    _name(
                        "style name",
                        """Adele, Bonita, Celeste, Dolce, Evita, Fleur, Gala, Heidi,
                Isadora, Josephine, Katarina, Lolita, Marlene, Ninon, Ophelia, Paloma""",
                        "style",
                    ),
                    _category("cut", "Wrap, Shift, Maxi, Cocktail", "cut of the dress"),
                    _category("cloth", "Silk, Cotton, Linen, Satin, Wool", "kind of cloth"),
                    _category("pattern", "Plain, Striped, Floral, Dotted", "print"),
                    _real("making cost", 8, 300, "cost to make", "cost of production"),
                    _real("shop price", 25, 1900, "selling price", more="more expensive", less="cheaper"),
                    _integer("hem length", 70, 160, "length in centimetres", more="longer", less="shorter"),
                    _integer(
                        "pieces sold", 1, 5200, "number of pieces sold", more="better selling", less="worse selling"
                    ),
                ),
                ("gowns",),
                "fashion designer",
                "designed by",
            ),
            Table(
                "fashion designer",
                "fashion designers",
                (
                    _name(
                        "designer name",
                        """Amelie Roche, Bastian Koch, Coralie Vidal, Donato Bruni,
                Estelle Marin, Flavio Greco, Ginevra Sala, Henri Dubois, Ilaria Fonti, Jolie
                Armand, Kenzo Hara, Lucienne Bell, Matteo Riva, Noemi Salat""",
                        "name",
                    ),
                    _category("home city", "Milan, Paris, Tokyo, Antwerp", "city"),
                    _integer("collections", 1, 90, "number of collections"),
                    _integer(
                        "follower count", 500, 900000, "number of followers", more="more famous", less="less famous"
                    ),
                    _integer("tailor count", 1, 48, "number of tailors"),
                ),
                ("couturiers",),
            ),
        ),
        _words("""model, washing advice, sleeve type, button count, season, factory, return rate,
        zip colour"""),
    ),
    Family(
        "data centre",
        "test",
        (
            Table(
                "server",
                "servers",
                (
                    _name(
                        "host name",
                        """amber, basil, cobalt, dill, ember, fennel, garlic, hazel,
                indigo, juniper, kale, lemon, mint, nutmeg, olive, pepper, quince, rosemary""",
                        "name",
                    ),
                    _category("job", "Web, Database, Mail, Backup, Cache", "task"),
                    _category("system", "Linux, Windows, Solaris, Free BSD", "operating system"),
                    _integer("total memory", 4, 1024, "memory installed", "gigabytes of memory"),
                    _integer("used memory", 1, 900, "memory in use"),
                    _integer("core count", 1, 128, "number of cores", more="more powerful", less="less powerful"),
                    _real("load", 0, 98, "load percent", more="busier", less="idler"),
                    _date("boot date", 2022, 2024, "day of the last start"),
                ),
                ("machines",),
                "server room",
                "placed in",
            ),
            Table(
                "server room",
                "server rooms",
                (
                    _name(
                        "room label",
                        """Room A1, Room A2, Room A3, Room B1, Room B2, Room B3, Room
                C1, Room C2, Room D1, Room D2, Vault North, Vault South, Cage One, Cage Two""",
                        "label",
                    ),
                    _category("cooling", "Air, Water, Oil, Outside Air", "cooling type"),
                    _real("power limit", 10, 900, "limit in kilowatts"),
                    _integer("rack count", 2, 160, "number of racks", more="bigger", less="smaller"),
                    _integer("alarm count", 0, 75, "number of alarms"),
                ),
                ("machine rooms",),
            ),
        ),
        _words("""administrator, network address, purchase price, serial number, warranty end,
        disk brand, virus scan, password"""),
    ),
    Family(
        "elections",
        "test",
        (
            Table(
                "candidate",
                "candidates",
                (
                    _name(
                        "candidate name",
                        """Abigail Thorn, Bertram Hayes, Claudia Reis, Dexter
                Vaughn, Eleanor Pike, Fergus Doyle, Graciela Munoz, Hector Blom, Ingrid Sand,
                Jerome Watts, Kamila Novak, Leopold Stern, Miriam Katz, Nestor Duval, Odette
                Lang, Prosper Nkosi""",
                        "name",
                    ),
                    _category("district", "Harbour, Old Town, Hills, Valley, Lakeside", "voting district"),
                    _category("result", "Elected, Defeated, Runoff, Withdrawn", "election result"),
                    _integer("first round votes", 200, 60000, "votes in the first round"),
                    _integer("second round votes", 0, 80000, "votes in the second round"),
                    _integer("campaign spending", 500, 400000, "money spent on the campaign"),
                    _integer("age", 21, 82, "age in years", more="older", less="younger"),
                ),
                ("office seekers",),
                "political party",
                "who stand for",
            ),
            Table(
                "political party",
                "political parties",
                (
                    _name(
                        "party name",
                        """Centre Union, Civic Forum, Farmers League, Free Future, Green
                Dawn, Home Front List, Justice Now, Labour Bloc, Liberal Path, New Republic,
                People First, Progress, Reform Group, Unity""",
                        "name",
                    ),
                    _category("wing", "Left, Right, Centre, Green", "political wing"),
                    _integer("paying members", 300, 90000, "number of paying members", more="larger", less="smaller"),
                    _integer("council seats", 0, 75, "seats on the council"),
                    _integer("founding year", 1890, 2022, "year it was founded"),
                ),
                ("parties",),
            ),
        ),
        _words("""education, poster colour, speech length, religion, home street, running mate,
        web site, tax record"""),
    ),
    Family(
        "stamps",
        "test",
        (
            Table(
                "stamp",
                "stamps",
                (
                    _name(
                        "motif",
                        """Blue Whale, Crown, Eagle, Flying Mail, Globe, Harp, Iron Bridge,
                Kangaroo, Lily, Mail Coach, Old Oak, Palm Coast, Queen Head, Red Rose, Steam
                Ship, Sun God""",
                        "picture",
                    ),
                    _category("issuing country", "Canada, Malta, Ceylon, Sweden, Brazil", "country of issue"),
                    _category("shade", "Red, Blue, Green, Brown, Violet", "colour"),
                    _category("condition", "Unused, Used, Torn, Faded", "state"),
                    _integer("issue year", 1845, 2005, "year it was issued", more="newer", less="older"),
                    _integer("face value", 1, 500, "value printed on it"),
                    _real(
                        "collector value", 0.5, 9000, "value to collectors", more="more valuable", less="less valuable"
                    ),
                    _integer("known copies", 3, 90000, "copies known to exist", more="more common", less="rarer"),
                ),
                ("postage stamps",),
            ),
        ),
        _words("""engraver, glue type, album page, previous owner, paper weight, post office,
        printing house, watermark"""),
    ),
)

FAMILIES = _SFT + _DPO + _DEV + _TEST
