-- A small shop. All people are fictitious: e-mail domains are reserved (RFC 2606), telephone numbers are those that
-- Ofcom and the North American Numbering Plan reserve for fiction, cards and IBANs are the documented test numbers.

CREATE TABLE customers (
    id            INTEGER PRIMARY KEY,
    full_name     TEXT NOT NULL,
    email         TEXT NOT NULL,
    phone         TEXT,
    date_of_birth TEXT,
    street        TEXT,
    postcode      TEXT,
    city          TEXT,
    iban          TEXT,
    newsletter    INTEGER NOT NULL DEFAULT 0
);

INSERT INTO customers (full_name, email, phone, date_of_birth, street, postcode, city, iban, newsletter) VALUES
    ('Amelia Hart',     'amelia.hart@example.com',  '+44 20 7946 0018', '1984-03-12', '14 Mill Lane',    'BS1 4ZZ', 'Bristol',   'GB82 WEST 1234 5698 7654 32', 1),
    ('Jonas Weber',     'jonas.weber@example.org',  '+44 7700 900123',  '1979-11-30', '3 Harbour Row',   'LS1 9ZZ', 'Leeds',     'DE89 3704 0044 0532 0130 00', 0),
    ('Priya Raman',     'priya@example.com',        '(212) 555-0142',   '1991-07-04', '9 Orchard Close', 'M1 8ZZ',  'Manchester', NULL,                        1),
    ('Tomás Ferreira',  'tomas.f@example.net',      NULL,               '1968-01-22', '27 Station Road', 'EH1 7ZZ', 'Edinburgh', 'FR14 2004 1010 0505 0001 3M02 606', 0),
    ('Grace Okonkwo',   'g.okonkwo@example.org',    '+44 161 496 0777', '1995-09-17', '2 Bell Yard',     'CF10 3ZZ', 'Cardiff',  NULL,                        1);

CREATE TABLE employees (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    title      TEXT NOT NULL,
    work_email TEXT NOT NULL,
    salary     INTEGER NOT NULL,
    sick_days  INTEGER NOT NULL
);

INSERT INTO employees (name, title, work_email, salary, sick_days) VALUES
    ('Ruth Alder',   'Shop manager', 'ruth.alder@shop.example',   41000, 2),
    ('Milo Brandt',  'Baker',        'milo.brandt@shop.example',  29500, 6),
    ('Sana Qureshi', 'Accountant',   'sana.qureshi@shop.example', 38000, 0);

-- No personal data, although some column names also occur in tables about people.
CREATE TABLE products (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    title  TEXT NOT NULL,
    city   TEXT,
    weight INTEGER NOT NULL
);

INSERT INTO products (name, title, city, weight) VALUES
    ('rye-loaf',      'Rye loaf',           'York',   800),
    ('oat-cakes',     'Oat cakes, twelve',  'Perth',  300),
    ('blackberry',    'Blackberry jam',     'Kendal', 340),
    ('honey-heather', 'Heather honey',      'Skye',   340);

CREATE TABLE orders (
    id             INTEGER PRIMARY KEY,
    customer_id    INTEGER NOT NULL REFERENCES customers (id),
    product_id     INTEGER NOT NULL REFERENCES products (id),
    ordered_at     TEXT NOT NULL,
    pieces         INTEGER NOT NULL,
    payment        TEXT NOT NULL,
    delivery_notes TEXT
);

-- Sixty orders: more than the runbook samples, so that the table is reported as partially scanned.
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 60)
INSERT INTO orders (customer_id, product_id, ordered_at, pieces, payment, delivery_notes)
SELECT
    1 + n % 5,
    1 + n % 4,
    date('2026-09-01', '+' || n || ' days') || 'T09:30:00Z',
    1 + n % 3,
    CASE n % 3 WHEN 0 THEN '4111 1111 1111 1111' WHEN 1 THEN '5555 5555 5555 4444' ELSE 'invoice' END,
    CASE n % 6 WHEN 0 THEN 'Call Ms Hart on 020 7946 0018' WHEN 3 THEN 'Leave it with the neighbour' END
FROM numbers;
