"""The database: engine, transactions, column types, migrations."""
