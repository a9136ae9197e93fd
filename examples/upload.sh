#!/bin/sh
# upload.sh IMAGE URL: checks an image, uploads it, retries after network failures, and verifies the blob.
# The SAS is read from the file sas.txt, so that it does not show in the process list.
set -eu
image=$1
url=$2

vhdup check "$image" || [ $? -eq 20 ] # 20: warnings only

while :; do
  status=0
  vhdup upload "$image" "$url" --sas-file sas.txt || status=$?
  [ "$status" -eq 9 ] || break # 9: the service or the network failed; the same command resumes
  sleep 600
done
[ "$status" -eq 0 ] || exit "$status"

vhdup verify "$image" "$url" --sas-file sas.txt --full
