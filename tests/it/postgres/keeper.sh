# Starts a private PostgreSQL server and outlives whoever wants it by a moment: when its input ends, because they have ended or
# were killed, it stops the server and removes its folder.
#
# The server refuses to run as root; then it runs as the user `postgres`, whom its package creates.
trap '' INT TERM HUP
own() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; else "$@"; fi; }
if [ "$(id -u)" = 0 ]; then chown postgres "$DATA"; fi
cd "$DATA"
own "$BIN/initdb" -D "$DATA/db" -A trust -U duroxide -E UTF8 --locale=C --no-instructions >"$DATA/init.log" 2>&1 \
    || { echo "initdb failed: $(tail -3 "$DATA/init.log" | tr '\n' ' ')"; exit 1; }
own "$BIN/pg_ctl" -D "$DATA/db" -w -l "$DATA/db/server.log" -o "$OPTIONS" start >"$DATA/db/start.log" 2>&1 </dev/null \
    || { echo "the server does not start: $(tail -3 "$DATA/db/server.log" | tr '\n' ' ')"; exit 1; }
echo ready
cat >/dev/null
own "$BIN/pg_ctl" -D "$DATA/db" -m immediate stop >/dev/null 2>&1
rm -rf "$DATA"
