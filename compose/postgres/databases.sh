#!/bin/sh
# Gives each service a database and a role of its own, which can enter no other database. PostgreSQL's
# image runs this once, when it makes its data folder.
set -eu

for name in order payment inventory shipping registry; do
  variable="$(echo "$name" | tr '[:lower:]' '[:upper:]')_PASSWORD"
  ROLE_PASSWORD="$(printenv "$variable")" || {
    echo "$variable is missing: the role $name needs a password." >&2
    exit 1
  }
  export ROLE_PASSWORD
  psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -v name="$name" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv password ROLE_PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done

psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
SQL
