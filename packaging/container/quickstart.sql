CREATE TABLE test (id serial PRIMARY KEY, value text);
INSERT INTO test (value) VALUES ('hello world!'), ('so long');
