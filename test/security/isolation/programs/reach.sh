# The ways out that bash has, then once more in a child process. As reach.py: where to on standard input, a line for each way.
text=${2:-$(cat)}
prefix=$(jq -r .prefix <<< "$text")${1:+child-}

# Each in a subshell, because a failed redirection of exec ends the shell.
greet() { (exec 7<> "/dev/tcp/$2/$3" && echo "$1" >&7 && IFS= read -r -t 1 -u 7 answer && [ -n "$answer" ]) 2> /dev/null; }
open() { (exec 7<> "/dev/tcp/$2/$3") 2> /dev/null; }
ask() { (exec 7<> "/dev/udp/$2/$3" && printf %s "$1" >&7 && IFS= read -r -t 1 -N 5 -u 7 answer && [ -n "$answer" ]) 2> /dev/null; }

for kind in tcp:greet port:open udp:ask; do
  while IFS=$'\t' read -r name address port; do
    [ -n "$name" ] || continue
    name=$prefix${kind%:*}-$name
    if timeout 1 bash -c "$(declare -f greet open ask); ${kind#*:} $name $address $port" < /dev/null; then echo "$name REACHED"; else echo "$name refused"; fi
  done <<< "$(jq -r --arg kind "${kind%:*}" '.[$kind] // {} | to_entries[] | [.key, .value[0], .value[1]] | @tsv' <<< "$text")"
done
domain=$(jq -r '.domain // empty' <<< "$text")
if [ -n "$domain" ]; then
  if getent ahostsv4 "${prefix}dns.$domain" > /dev/null; then echo "${prefix}dns REACHED"; else echo "${prefix}dns refused"; fi
fi
[ -n "$1" ] || bash "$0" child "$text"
