"""The sentence beside a query: wrong ones of all kinds, written by hand, and right ones in words of their own.

Each query stands with sentences that do not say what it does. Many name everything that the query names.
"""

import time

import pytest

from domains.text_to_sql import explain

WRONG = {
    # --- near to how the bank's questions are explained ---
    "SELECT station_code FROM readings GROUP BY station_code HAVING COUNT(*) >= 3": [
        "Lists the station codes with at least 4 readings.",
        "Lists the number of readings for each station code with at least 3 readings.",
        "Lists the station codes of the readings.",
    ],
    "SELECT item, amount FROM lots WHERE amount > 4 ORDER BY amount DESC": [
        "Lists the item and the amount of the lots whose amount is above 4, lowest amount first.",
        "Lists the item and the amount of the lots whose amount is above 4, from the lowest amount to the highest.",
        "Lists the item and the highest amount of the lots whose amount is above 4.",
    ],
    "SELECT AVG(cars), SUM(qty) FROM sailings WHERE delay_min < 15": [
        "Computes the number of cars and the total quantity of the sailings with a delay below 15 min.",
        "Computes the average and the number of cars and the total quantity of the sailings with a delay below 15 min.",
        "Computes the average number of cars and the total quantity of the sailings with the lowest delay.",
    ],
    "SELECT guest, arrival FROM stays": [
        "Lists the date and the guest of all stays.",
        "Lists the guest and the arrival date of all stays after that day.",
    ],
    # --- queries as the templates write them ---
    "SELECT title FROM books WHERE price > 20": [
        "Title books price above 20.",
        "Books price 20 above title.",
        "20 above price books title.",
        "Lists price of the books whose title is above 20.",
        "Lists the title and price of books whose price is above 20.",
        "Lists the price of books whose price is above 20.",
        "Lists the title of books whose price is not above 20.",
        "Lists the title of books whose price is above 20 or missing.",
        "Lists the title of books whose price is at least 20.",
        "Lists the title of books whose price is 20 or more, so above.",
        "Lists the title of books whose price is below 20, not above.",
        "Lists the title of red books whose price is above 20.",
        "Lists the title of the 20 books above the average price.",
        "Counts the title of books whose price is above 20.",
        "Lists the title of books whose price is above 20, sorted by price.",
        "Lists the different title of books whose price is above 20.",
        "Lists the average title of books whose price is above 20.",
        "Lists the title of books whose price is above 20 and below 30.",
        "Lists the title of books whose year is above 20, with the price.",
        "The price is above 20 and the books have a title, all of them.",
        "Deletes the title of books whose price is above 20.",
        "Lists no title of books whose price is above 20.",
    ],
    "SELECT title FROM books WHERE price > 20 AND year < 2001": [
        "Lists the title of books whose price is above 2001 and whose year is below 20.",
        "Lists the title of books whose price is above 20 or whose year is below 2001.",
        "Lists the title of books whose price is below 20 and whose year is above 2001.",
        "Lists the title of books whose year is above 20 and whose price is below 2001.",
        "Lists the title of books whose price and year are above 20 and below 2001.",
        "Lists the title of books whose price is above 20 and whose year is not below 2001.",
        "Lists the title of books whose price is above 20, but not those whose year is below 2001.",
        "Lists the title of books whose price is above 20.",
        "Title, books, price, year, above 20, below 2001.",
        "Lists the title of books above 20 and below 2001 by price and year.",
        "Lists the title of books whose price is between 20 and 2001, below the year.",
        "Counts the books whose price is above 20 and whose year is below 2001 by title.",
    ],
    "SELECT name FROM authors WHERE country = 'Peru' OR country = 'Chad'": [
        "Lists the name of authors whose country is Peru and whose country is Chad.",
        "Lists the name of authors whose country is not Peru or whose country is Chad.",
        "Lists the name of authors whose country is Peru.",
        "Lists the name of authors whose country is neither Peru nor Chad.",
        "Lists the country of authors whose name is Peru or whose name is Chad.",
        "Peru or Chad: authors, country, name.",
        "Lists the name of authors from Chad whose country was Peru.",
        "Lists the name of authors whose country is Peru except Chad.",
    ],
    "SELECT name FROM authors WHERE country = 'Peru' AND age >= 30 OR prizes > 2": [
        "Lists the name of authors whose country is Peru or whose age is at least 30 and whose prizes are above 2.",
        "Lists the name of authors whose country is Peru and whose age is at least 30 and whose prizes are above 2.",
        "Lists the name of authors whose country is Peru or whose age is at least 30 or whose prizes are above 2.",
        "Lists the name of authors whose country is Peru and whose age is at least 2 or whose prizes are above 30.",
        "Lists the name of authors whose country is Peru and whose age is above 30 or whose prizes are at least 2.",
        "Lists the name of authors whose prizes are at least 30 or whose age is above 2 and whose country is Peru.",
    ],
    "SELECT name FROM authors WHERE country <> 'UK'": [
        "Lists the name of authors whose country is UK and not empty.",
        "Lists the name of authors whose name is not UK, with the country.",
        "Lists the country of authors whose name is not UK.",
        "Lists no name of authors whose country is UK.",
        "Does not list the name of authors whose country is UK.",
        "Lists the name, not the country, of authors whose country is UK.",
        "Not UK, country, authors, name.",
    ],
    "SELECT title FROM books WHERE price BETWEEN 5 AND 30": [
        "Lists the title of books whose price is between 30 and 5.",
        "Lists the title of books whose price is not between 5 and 30.",
        "Lists the title of the books between 5 and 30 by price.",
        "Lists the title of books whose price is 5 and 30.",
        "Lists the title of 5 books between a price of 30.",
        "Lists the title of books whose price is above 5 and below 30, between.",
    ],
    "SELECT title FROM books WHERE author IS NULL": [
        "Lists the title of books with no title and an author.",
        "Lists the title of books whose author is not missing.",
        "Lists the author of books without a title.",
        "Lists the title and no author of books.",
        "Lists the title of books whose title is missing, with the author.",
        "Without an author there is no title of books.",
    ],
    "SELECT title FROM books WHERE author IS NOT NULL": [
        "Lists the title of books whose author is missing, not the known ones.",
        "Lists the title of books without an author.",
        "Lists the title of books whose title is not missing, and the author.",
        "Lists the title and author of books with no empty values.",
        "Lists the title with the author of books.",
    ],
    "SELECT title FROM books WHERE title LIKE 'Sea%'": [
        "Lists the title of books whose title contains Sea.",
        "Lists the title of books whose title ends in Sea.",
        "Lists the title of books whose title does not start with Sea.",
        "Lists the title of books whose title is Sea.",
        "Lists the title of Sea books.",
        "Starts with Sea: the title of books.",
    ],
    "SELECT name FROM singers WHERE born > '1980-05-01'": [
        "Lists the name of singers whose born is before 1980-05-01.",
        "Lists the name of singers whose born is on or after 1980-05-01.",
        "Lists the born of singers whose name is after 1980-05-01.",
        "Lists the name of singers whose born is after 1980-05-01 and before 1990-05-01.",
        "Lists the name of singers not born after 1980-05-01.",
    ],
    "SELECT name FROM singers WHERE strftime('%Y', born) = '1980'": [
        "Lists the name of singers whose born is after 1980.",
        "Lists the name of singers whose born is not in 1980.",
        "Lists the name of singers whose born is in 1980 or later.",
        "Lists the 1980 name of singers, with their born.",
    ],
    "SELECT COUNT(*) FROM books WHERE price > 20": [
        "Counts the price of books above 20.",
        "Counts the books, whose price is the number above 20 or less.",
        "Gives the number of books and their price above 20.",
        "Gives the total price of the number of books above 20.",
        "Counts the books whose number is above a price of 20 on average.",
        "Counts 20 books above the price.",
        "Counts the different books whose price is above 20.",
        "Lists the books whose price is a number above 20.",
        "Counts the books whose price is above 20 for each price.",
        "Count above price 20 books.",
    ],
    "SELECT AVG(price) FROM books WHERE year = 2001": [
        "Gives the average year of the books whose price is 2001.",
        "Gives the average of the 2001 books by price and year.",
        "Gives the average price and the total price of the books whose year is 2001.",
        "Gives the price of the books whose year is 2001 on the average.",
        "Gives the average price of the books whose year is not 2001.",
        "Gives the average price of the books whose year is above 2001.",
        "Gives the average price of the books for each year of 2001.",
        "Average, price, books, year, 2001.",
    ],
    "SELECT MAX(price), MIN(year) FROM books": [
        "Gives the lowest price and highest year of the books.",
        "Gives the highest year and lowest price of the books.",
        "Gives the highest and lowest price and year of the books.",
        "Gives the price and year of the highest and lowest books.",
        "Gives the lowest of the highest price and year of the books.",
    ],
    "SELECT genre, AVG(price) FROM books GROUP BY genre": [
        "Gives the average genre of the books for each price.",
        "Gives the average price and genre of the books.",
        "Gives the price of the books for each average genre.",
        "Gives the average price of the books, and once more every genre of all.",
        "Gives the average price of the books whose genre is known for each genre.",
        "Gives the average price of the books without a genre.",
        "Gives the average price of the books for each different genre and price.",
        "For each genre, price the average books.",
    ],
    "SELECT genre, COUNT(*) FROM books GROUP BY genre": [
        "Gives the number of genre for each of the books.",
        "Gives the number of books and their genre.",
        "Counts each genre of the books.",
        "Gives the number of different genre values for each of the books.",
        "Gives the number of books without a genre.",
        "Gives the total genre for each number of books.",
    ],
    "SELECT genre FROM books GROUP BY genre HAVING COUNT(*) > 3": [
        "Lists each genre of books above 3.",
        "Lists each genre for which the number of books is below 3, not above.",
        "Lists each genre for which the number of books is at least 3.",
        "Lists the 3 genre values above the number of books.",
        "Counts the books for each genre above 3.",
        "Lists each genre for which the number of books is above 3 or below 1.",
    ],
    "SELECT title FROM books ORDER BY price DESC": [
        "Lists the title of all books ordered by price, lowest first.",
        "Lists the title of all books ordered by title, highest price first.",
        "Lists the price of all books ordered by title, highest first.",
        "Lists the title of all books ordered by price.",
        "Lists the title of the books with the highest price.",
        "Lists the title of all books whose price is highest, ordered by title.",
        "Lists the title of all books ordered by price from lowest to highest.",
        "Ordered highest first: price, title, books.",
    ],
    "SELECT title FROM books ORDER BY price DESC LIMIT 3": [
        "Lists the title of the 3 books with the lowest price, not the highest.",
        "Lists the price of the 3 books with the highest title.",
        "Lists the 3 highest title values of the books, sorted by price.",
        "Lists the title of the books whose highest price is 3.",
        "Lists the title of the 3 books with the highest price, sorted from lowest to highest.",
        "Lists the title of the 3 books with the highest price above 3.",
        "Lists the title of the top 3 books by title, with the highest price.",
        "Lists the title and price of the 3 books with the highest price.",
        "Lists the title of books whose price is 3 and highest.",
        "3 highest price books title.",
    ],
    "SELECT DISTINCT genre FROM books WHERE price < 10": [
        "Lists the genre of the books whose price is below 10.",
        "Lists each genre of the books whose price is below 10.",
        "Lists each different price of the books whose genre is below 10.",
        "Lists the 10 different genre values of the books below the price.",
        "Counts the different genre values of the books whose price is below 10.",
    ],
    "SELECT title FROM books WHERE price > (SELECT AVG(price) FROM books)": [
        "Lists the title of books whose price is below the average.",
        "Lists the average title of books whose price is above.",
        "Lists the title of books whose average price is above the title.",
        "Lists the title of books whose price is at least the average.",
        "Lists the title and average price of books above the average.",
        "Lists the title of books whose price is above the average year.",
    ],
    "SELECT books.title FROM books JOIN authors ON books.author_id = authors.id WHERE authors.country = 'Peru'": [
        "Lists the title of authors whose country is Peru, of books.",
        "Lists the title of books of authors whose country is not Peru.",
        "Lists the title of authors of books whose country is Peru.",
        "Lists the country of books of authors whose title is Peru.",
        "Lists the title of books not by authors whose country is Peru.",
        "Lists the title of books without authors whose country is Peru.",
        "Lists the title of books and authors above Peru by country.",
        "Lists the name and title of books of authors whose country is Peru.",
    ],
    # --- others ---
    "SELECT name FROM authors WHERE id NOT IN (SELECT author_id FROM books)": [
        "Lists the name of the authors who have books.",
        "Lists the name of the authors whose books have no name.",
        "Lists no name of the authors who have books.",
        "Lists the name of the authors who are not in the books above.",
        "Lists the name of the books without authors.",
    ],
    "SELECT title, price * stock FROM books": [
        "Gives the title of the books and the price divided by the stock.",
        "Gives the title of the books multiplied by the price and the stock.",
        "Gives the title, price and stock of the books.",
        "Gives the title of the books and the price plus the stock.",
        "Gives the title of the books, times the price, times the stock.",
    ],
    "SELECT name FROM plants WHERE bed IN ('north', 'south')": [
        "Lists the name of plants whose bed is not north or south.",
        "Lists the name of plants whose bed is north.",
        "Lists the bed of plants whose name is north or south.",
        "Lists the name of north plants in the south bed.",
    ],
    "SELECT artist.name FROM artist JOIN stage ON stage.id = artist.stage_id WHERE stage.name = 'Main'": [
        "Lists the name of the stage where the artist name is Main.",
        "Lists the stage name of each artist whose name is Main.",
        "Lists the name of the artist and the stage name, Main.",
        "Lists the name of each artist whose stage is not named Main.",
    ],
    "SELECT COUNT(DISTINCT genre) FROM books": [
        "Gives the number of books for each genre.",
        "Gives the number of genre values of the books.",
        "Gives the number of different books for each genre.",
        "Lists the different genre values of the books by number.",
    ],
    "SELECT größe FROM bücher WHERE größe > 25 AND straße = 'Öl'": [
        "Lists the straße of the bücher whose größe is above 25 and whose straße is Öl.",
        "Lists the größe of the bücher whose straße is above 25 and whose größe is Öl.",
        "Lists the größe of the bücher whose größe is above 25 or whose straße is Öl.",
        "Größe bücher straße Öl 25 above.",
    ],
    "SELECT 书名 FROM 图书 WHERE 价格 > 50": [
        "Lists the 价格 of the 图书 whose 书名 is above 50.",
        "Lists the 书名 of the 图书 whose 价格 is below 50.",
        "Lists the 书名 and 价格 of the 图书 whose 价格 is above 50.",
        "书名 图书 价格 above 50.",
    ],
    "SELECT name FROM people WHERE age > 30": [
        "Lists the name of the youngest people above an age of 30.",
        "Lists the name of people whose age is 30, above all.",
        "Lists the name of 30 people above the age.",
        "Lists the name of people whose age was once above 30.",
    ],
    # --- a second set, written when the comparison stood: it accepted 2 of these 67 then ---
    "SELECT model, hp FROM cars WHERE hp >= 200": [
        "Lists the hp and model of cars whose model is at least 200.",
        "Lists the model and hp of cars whose hp is more than 200.",
        "Lists the model and hp of cars with 200 hp or fewer.",
        "Lists the model of cars whose hp is at least 200.",
        "Lists the model and hp of at least 200 cars.",
        "Lists the model and hp of cars whose hp is at least 200 on average.",
        "Lists fast cars by model and hp of at least 200.",
        "Lists the model and hp of cars whose hp is at least 200, except the first.",
    ],
    "SELECT AVG(salary) FROM staff WHERE dept = 'Sales' AND age < 40": [
        "Gives the average age of the staff whose dept is Sales and whose salary is below 40.",
        "Gives the average salary of the staff whose dept is Sales or whose age is below 40.",
        "Gives the average salary of the Sales staff and their age below 40.",
        "Gives the total salary of the staff whose dept is Sales and whose age is below 40.",
        "Gives the average salary for each dept of staff whose age is below 40, Sales too.",
        "Gives the average salary of the staff whose dept is not Sales and whose age is below 40.",
        "Gives the average salary of the staff whose age is Sales and whose dept is below 40.",
        "Gives the salary of the staff whose average age is below 40 and whose dept is Sales.",
    ],
    "SELECT city, SUM(sales) FROM shops GROUP BY city HAVING SUM(sales) > 100": [
        "Gives the total sales of the shops for each city above 100.",
        "Gives each city and its total sales of shops where that total is at least 100.",
        "Gives each city and the total sales of shops whose sales are above 100.",
        "Gives each city and its number of shops where that total sales is above 100.",
        "Gives the total city of the shops for each sales where that total is above 100.",
        "Gives the 100 total sales of the shops for each city above.",
    ],
    "SELECT name FROM rivers ORDER BY length, depth DESC": [
        "Lists the name of the rivers sorted by depth and length, deepest first.",
        "Lists the name of the rivers sorted by length, highest first, and depth.",
        "Lists the name of the rivers sorted by length and depth.",
        "Lists the length and depth of the rivers sorted by name.",
        "Lists the name of the longest rivers, by length and depth.",
    ],
    "SELECT name FROM rivers ORDER BY length LIMIT 5": [
        "Lists the name of the 5 longest rivers by length.",
        "Lists the name of the 5 rivers with the highest length.",
        "Lists the name of rivers with a length of 5, lowest first.",
        "Lists the name of the first 5 rivers, then their lowest length.",
        "Lists the 5 lowest names of the rivers by length.",
        "Lists the length of the 5 rivers with the lowest name.",
    ],
    "SELECT COUNT(*) FROM pets WHERE kind <> 'dog'": [
        "Counts the kind of pets that are not a dog.",
        "Counts the pets whose kind is dog, not the others.",
        "Counts the pets whose dog is not a kind.",
        "Counts no pets whose kind is dog.",
        "Counts the pets whose kind is dog.",
        "Counts the kinds of pets other than dog.",
    ],
    "SELECT p.name, t.name FROM players p JOIN teams t ON t.id = p.team_id WHERE t.city = 'Rome' AND p.goals > 3": [
        "Lists the name of the players and the name of the teams whose city is Rome with more than 3 teams.",
        "Lists the name of the players and the name of their teams whose city is Rome or whose goals are above 3.",
        "Lists the name of the players whose city is Rome and the name of the teams whose goals are above 3.",
        "Lists the name of the teams and players in Rome above 3 goals by city.",
        "Lists the name of the players of teams whose city is Rome and of players whose goals are above 3.",
    ],
    "SELECT title FROM films WHERE NOT (rating > 8)": [
        "Lists the title of films whose rating is above 8.",
        "Lists the title of films whose rating is not at most 8.",
        "Lists the title of films whose rating is below 8.",
        "Lists the title of films not above a title of 8 by rating.",
    ],
    "SELECT name FROM towns WHERE mayor NOT LIKE '%son'": [
        "Lists the name of towns whose mayor ends in son.",
        "Lists the name of towns whose mayor does not contain son.",
        "Lists the mayor of towns whose name does not end in son.",
        "Lists the name of towns without a mayor, which ends in son.",
        "Lists the name of towns whose mayor does not start with son.",
    ],
    "SELECT MIN(price) FROM tickets WHERE day BETWEEN '2024-01-01' AND '2024-02-01'": [
        "Gives the lowest day of the tickets whose price is between 2024-01-01 and 2024-02-01.",
        "Gives the lowest price of the tickets whose day is after 2024-01-01 and 2024-02-01.",
        "Gives the price of the lowest tickets whose day is between 2024-01-01 and 2024-02-01.",
        "Gives the lowest price of the tickets whose day is between 2024-02-01 and 2024-01-01.",
        "Gives the lowest price of the tickets whose day is not between 2024-01-01 and 2024-02-01.",
    ],
    "SELECT brand FROM bikes WHERE gears = 7 OR weight < 9 AND frame = 'steel'": [
        "Lists the brand of bikes whose gears are 7 and whose weight is below 9 or whose frame is steel.",
        "Lists the brand of bikes whose gears are 9 or whose weight is below 7 and whose frame is steel.",
        "Lists the brand of bikes whose gears are 7 or whose weight is below 9 or whose frame is steel.",
        "Lists the brand of bikes whose frame is 7 or whose weight is below 9 and whose gears are steel.",
    ],
    "SELECT DISTINCT c.city FROM clients c JOIN bills b ON b.client_id = c.id WHERE b.paid IS NULL": [
        "Lists each different city of clients with bills that are paid.",
        "Lists the city of the clients with bills without a paid.",
        "Lists each different city of bills of clients without a paid.",
        "Lists each different client of the bills without a city paid.",
        "Lists each different city of clients without bills whose paid is missing.",
    ],
}
RIGHT = {
    # --- as the bank's questions are explained ---
    "SELECT station_code FROM readings GROUP BY station_code HAVING COUNT(*) >= 3": [
        "Lists the station codes with at least 3 readings.",
    ],
    "SELECT item, amount FROM lots WHERE amount > 4 ORDER BY amount DESC": [
        "Lists the item and the amount of the lots whose amount is above 4, highest amount first.",
        "Lists the item and the amount of the lots with an amount above 4, from the highest amount to the lowest.",
    ],
    "SELECT AVG(cars), SUM(qty) FROM sailings WHERE delay_min < 15": [
        "Computes the average number of cars and the total quantity of the sailings with a delay below 15 min.",
    ],
    "SELECT guest, arrival FROM stays": ["Lists the guest and the arrival date of all stays."],
    "SELECT siteId, label FROM Site WHERE siteid > 3 ORDER BY LABEL DESC": [
        "Lists the site id and label of the sites whose site id is above 3, ordered by label, descending order.",
    ],
    "SELECT title FROM books WHERE price > 20": [
        "Lists the titles of books with a price above 20.",
        "Shows the title of each book whose price is greater than 20.",
        "Titles of all books with a price over 20.",
        "This query returns the title of every book that has a price higher than 20.",
        "Gives the title of the books with more than 20 as price.",
    ],
    "SELECT title FROM books WHERE price > 20 AND year < 2001": [
        "Lists the title of books with a price above 20 and a year before 2001.",
        "Lists the title of books whose year is below 2001 and whose price is above 20.",
        "Lists the title of books with a price over 20 and a year earlier than 2001.",
    ],
    "SELECT name FROM authors WHERE country = 'Peru' AND age >= 30 OR prizes > 2": [
        "Lists the name of authors whose country is Peru and whose age is at least 30 or whose prizes are above 2.",
        "Lists the name of authors whose prizes are above 2 or whose age is 30 or more and whose country is Peru.",
    ],
    "SELECT name FROM authors WHERE country = 'Peru' OR country = 'Chad'": [
        "Lists the name of authors whose country is Peru or Chad.",
        "Lists the name of authors whose country is Chad or whose country is Peru.",
    ],
    "SELECT name FROM plants WHERE bed IN ('north', 'south')": [
        "Lists the name of plants whose bed is north or south.",
        "Lists the name of plants with a bed of south or north.",
    ],
    "SELECT title FROM books WHERE price BETWEEN 5 AND 30": [
        "Lists the title of books with a price between 5 and 30.",
        "Lists the title of books with a price from 5 to 30.",
    ],
    "SELECT title FROM books WHERE author IS NULL": [
        "Lists the title of books that have no author.",
        "Lists the title of books whose author is missing.",
        "Lists the title of books without any author.",
    ],
    "SELECT COUNT(*) FROM books WHERE price > 20": [
        "Gives the number of books with a price above 20.",
        "How many books have a price greater than twenty?",
        "Counts all books with a price over 20.",
    ],
    "SELECT genre, AVG(price) FROM books GROUP BY genre": [
        "Gives the average price of the books for each genre.",
        "Gives each genre with the average price of its books.",
        "Shows the mean price of books per genre.",
        "For every genre, gives the average price of the books.",
    ],
    "SELECT genre FROM books GROUP BY genre HAVING COUNT(*) > 3": [
        "Lists each genre with more than 3 books.",
        "Lists every genre that has more than three books.",
    ],
    "SELECT title FROM books ORDER BY price DESC": [
        "Lists the title of all books sorted by price from highest to lowest.",
        "Lists the title of the books in descending order of price.",
        "Lists the title of the books, ordered by price, descending.",
    ],
    "SELECT title FROM books ORDER BY price DESC LIMIT 3": [
        "Lists the title of the three books with the highest price.",
        "Gives the titles of the top 3 books by price.",
        "Lists the title of the 3 books with the largest price, sorted from highest to lowest.",
    ],
    "SELECT DISTINCT genre FROM books WHERE price < 10": [
        "Lists the distinct genres of books with a price below 10.",
        "Lists each genre of the books with a price under 10 once.",
    ],
    "SELECT title FROM books WHERE price > (SELECT AVG(price) FROM books)": [
        "Lists the title of books with a price above the average price.",
        "Lists the titles of the books whose price is higher than average.",
    ],
    "SELECT books.title FROM books JOIN authors ON books.author_id = authors.id WHERE authors.country = 'Peru'": [
        "Lists the title of books written by authors whose country is Peru.",
        "Lists the titles of books by authors with the country Peru.",
    ],
    "SELECT name FROM authors WHERE id NOT IN (SELECT author_id FROM books)": [
        "Lists the name of the authors without books.",
        "Lists the names of authors who have no books.",
    ],
    "SELECT title, price * stock FROM books": [
        "Gives the title of the books and the price times the stock.",
        "Gives the title of each book with its stock multiplied by its price.",
    ],
    "SELECT artist.name FROM artist JOIN stage ON stage.id = artist.stage_id WHERE stage.name = 'Main'": [
        "Lists the name of each artist where the stage name is Main.",
    ],
    "SELECT name FROM people WHERE age > 30": [
        "Lists the name of people with an age over 30.",
        "Lists the names of the people whose age is over 30.",
    ],
    "SELECT größe FROM bücher WHERE größe > 25 AND straße = 'Öl'": [
        "Lists the Größe of the Bücher whose GRÖSSE is above 25 and whose Straße is Öl.",
    ],
    "SELECT prénom, âge FROM élèves": ["Lists the pre\u0301nom and a\u0302ge of the élèves."],
    "SELECT नाम FROM पुस्तकें WHERE मूल्य > 50": ["Lists the नाम of the पुस्तकें whose मूल्य is above 50."],
    "SELECT название FROM книги ORDER BY цена": ["Lists the название of the книги sorted by цена."],
    "SELECT İsim FROM Öğrenciler": ["Lists the İsim of the Öğrenciler."],
    "SELECT ΌνομαΠελάτη FROM Πελάτες": ["Lists the όνομα πελάτη of the Πελάτες."],
    "SELECT 이름 FROM 학생 WHERE 나이 >= 20": ["Lists the 이름 of the 학생 whose 나이 is at least 20."],
    "SELECT COUNT(*) FROM 图书 WHERE 书名 = '红楼梦'": ["Counts the 图书 whose 书名 is 红楼梦."],
    "SELECT الاسم FROM الكتب": ["Lists the الاسم of the الكتب."],
    "SELECT model, hp FROM cars WHERE hp >= 200": [
        "Lists the model and hp of cars with at least 200 hp.",
        "Shows the model and the hp of all cars whose hp is 200 or more.",
    ],
    "SELECT AVG(salary) FROM staff WHERE dept = 'Sales' AND age < 40": [
        "Gives the average salary of the staff with the dept Sales and an age below 40.",
    ],
    "SELECT city, SUM(sales) FROM shops GROUP BY city HAVING SUM(sales) > 100": [
        "Gives each city and the total sales of its shops where that total is above 100.",
    ],
    "SELECT name FROM rivers ORDER BY length, depth DESC": [
        "Lists the name of the rivers sorted by length and then by depth, highest first.",
    ],
    "SELECT name FROM rivers ORDER BY length LIMIT 5": [
        "Lists the name of the 5 rivers with the lowest length.",
        "Lists the names of the five rivers with the smallest length.",
    ],
    "SELECT COUNT(*) FROM pets WHERE kind <> 'dog'": [
        "Counts the pets whose kind is not dog.",
        "Gives the number of pets with a kind other than dog.",
    ],
    "SELECT title FROM films WHERE NOT (rating > 8)": [
        "Lists the title of films whose rating is at most 8.",
        "Lists the title of films whose rating is not above 8.",
    ],
    "SELECT name FROM towns WHERE mayor NOT LIKE '%son'": [
        "Lists the name of towns whose mayor does not end in son.",
    ],
    "SELECT MIN(price) FROM tickets WHERE day BETWEEN '2024-01-01' AND '2024-02-01'": [
        "Gives the lowest price of tickets with a day between 2024-01-01 and 2024-02-01.",
    ],
    "SELECT brand FROM bikes WHERE gears = 7 OR weight < 9 AND frame = 'steel'": [
        "Lists the brand of bikes whose gears are 7 or whose weight is below 9 and whose frame is steel.",
    ],
}


def pairs(sentences):
    return [(sql, sentence) for sql, many in sentences.items() for sentence in many]


def named(sql, sentence):
    """The weaker look alone: whether the words of every part are there."""
    return explain._unmet(explain._nodes(sql), sentence, {}) == []


@pytest.mark.parametrize(("sql", "sentence"), pairs(WRONG))
def test_a_wrong_explanation_is_not_accepted(sql, sentence):
    assert explain.explains(sql, sentence) is False


@pytest.mark.parametrize(("sql", "sentence"), pairs(RIGHT))
def test_a_right_explanation_in_other_words_is_accepted(sql, sentence):
    assert explain.unexplained(sql, sentence) == []


def test_hostile_queries_and_sentences_take_no_time():
    many = " AND ".join(f"a{i} > {i}" for i in range(12))
    queries = [
        "SELECT title FROM books WHERE price > 20",
        f"SELECT a1 FROM t WHERE {many}",
        "SELECT a FROM t WHERE " + " OR ".join(f"a = {i}" for i in range(300)),
        f"SELECT a FROM t WHERE a IN ({', '.join(map(str, range(12)))})",
        f"SELECT {', '.join(f'a{i}' for i in range(200))} FROM t",
        "SELECT a FROM t ORDER BY " + ", ".join(f"a{i} DESC" for i in range(12)),
        f"SELECT {'ab' * 900} FROM {'xy' * 900}",
    ]
    words = " ".join(f"a{i} is above {i} and" for i in range(12))
    sentences = [
        "a " * 499,
        "1, 2, 3, or " * 80,
        "of the of the a a " * 50,
        f"Lists a1 of t whose {words}.",
        "books by books by books by " * 35,
        "sorted by a0, " * 70,
        "ab" * 490,
        "x" * 30_000,
        "price above 20 and " * 50,
        "'\u0301" * 400,
    ]
    started = time.process_time()
    for sql in queries:
        for sentence in sentences:
            explain.explains(sql, sentence)
    assert time.process_time() - started < 10


def test_what_each_look_accepts(capsys):
    """The words alone let many wrong sentences pass; the comparison none, and both the right ones."""
    wrong, right = pairs(WRONG), pairs(RIGHT)
    assert len(set(wrong)) == len(wrong) >= 200
    accepted = {
        look.__name__: [sum(look(*pair) is True for pair in some) for some in (wrong, right)]
        for look in (named, explain.explains)
    }
    with capsys.disabled():
        for name, (bad, good) in accepted.items():
            print(
                f"\n{name}: accepts {bad} of {len(wrong)} wrong and {good} of {len(right)} right explanations", end=""
            )
    assert accepted["named"][0] > 100 and accepted["explains"] == [0, len(right)]
