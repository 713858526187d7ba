# Waits for the job on descriptor 3, then becomes the program. The message is: directory, number of variables, each NAME=value,
# the script, its arguments; each ended by NUL.
printf R >&3
mapfile -d '' -t -u 3 job
[ "${#job[@]}" -gt 0 ] || exit 0
exec 3<&-
cd "${job[0]}" || exit 1
count=${job[1]}
exec env -i "${job[@]:2:count}" bash -- "${job[@]:2+count}"
