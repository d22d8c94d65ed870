#!/bin/sh
# Starts the built server for the load rig, in the foreground: on loopback, TLS offered but not demanded, no limits of rate,
# no throttling, nobody dropped for being silent. All else is as it ships.
#   sh balcony.sh MAIN PORT TLSPORT CERT KEY DATA MAM   MAM is 1 where messages are to be archived
# BENCH_NODE_FLAGS are Node's own options.
main=$1 port=$2 tlsport=$3 cert=$4 key=$5 data=$6
[ "$7" = 1 ] && archive=true || archive=false
cat > "$data/bench.json" <<END
{
  "domain": "localhost",
  "storage": { "path": "$data" },
  "c2s": { "addresses": ["127.0.0.1"], "port": $port, "directTlsPort": $tlsport, "requireTls": false },
  "http": { "port": null },
  "tls": { "certificateFile": "$cert", "keyFile": "$key" },
  "auth": { "throttle": false },
  "archive": { "enabled": $archive },
  "limits": { "connectionsPerAddress": 20000, "idleTimeoutSeconds": 0, "bytesPerSecond": 0 },
  "log": { "level": "warn" }
}
END
exec node $BENCH_NODE_FLAGS "$main" serve --config "$data/bench.json"
