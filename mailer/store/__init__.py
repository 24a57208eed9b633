"""The database: tables, migrations and one file of statements a noun."""
