# Outlives the tests: ends the cluster in folder $2, by the programs in $1, once no process has held
# the other end of its pipe "users" for about $3 seconds. The kernel closes that end for a process
# however it dies.
trap '' HUP INT
exec 3< "$2/users"
# Each user writes a byte on coming, so that one who came and went is noticed too.
while [ "$(cat <&3 | wc -c)" -gt 0 ]; do sleep "$3" 3<&-; done
# Nobody new joins a cluster that isn't open; whoever did join a moment ago is waited for.
rm -f "$2/open"
cat <&3 > /dev/null
"$1/pg_ctl" stop -D "$2/data" -m immediate -w
rm -rf "$2"
