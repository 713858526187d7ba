# Waits for the job on descriptor 3, then becomes the program. The message is: number of variables, each NAME=value, the script, its
# arguments; each ended by NUL.
printf R >&3
mapfile -d '' -t -u 3 job
[ "${#job[@]}" -gt 0 ] || exit 0
exec 3<&-
count=${job[0]}
if [ "$count" -eq 0 ]; then exec bash -- "${job[@]:1}"; fi
exec env "${job[@]:1:count}" bash -- "${job[@]:1+count}"
