#!/usr/bin/env bash
# try-on-azure.sh [--yes] [REGION]: finds out what Azure does with managed disks in upload where no document says it.
#
# Takes about ten minutes and costs less than a cent. Creates a resource group with small disks, asks before, and deletes it at the
# end, also after Ctrl-C. Prints a report without secrets on standard output. Needs bash, the Azure CLI (az login), curl, and vhdup.
# VHDUP_TRY_GROUP names an existing resource group, which is not deleted; only the disks in it are.
# VHDUP_TRY_SAS_SECONDS (60) and VHDUP_TRY_POLL_SECONDS (2) change how long it waits.
set -u
umask 077

disk_api=2025-01-02
size=20972032 # 20 MiB and the footer
sas_seconds=${VHDUP_TRY_SAS_SECONDS:-60}
poll_seconds=${VHDUP_TRY_POLL_SECONDS:-2}
max_polls=90

sure=no
[ "${1:-}" != --yes ] || { sure=yes; shift; }
region=${1:-westeurope}

say() { printf '%s\n' "$*" >&2; }
die() { say "Error: $*"; exit 1; }
for tool in az curl vhdup; do command -v "$tool" >/dev/null || die "$tool is missing."; done

subscription=$(az account show --query id --output tsv) || die 'sign in first: az login.'
subscription_name=$(az account show --query name --output tsv)
cloud=$(az cloud show --query name --output tsv)
arm=$(az cloud show --query endpoints.resourceManager --output tsv)
arm=${arm%/}
audience=$(az cloud show --query endpoints.activeDirectoryResourceId --output tsv)
token=$(az account get-access-token --resource "$audience" --query accessToken --output tsv) || die 'no token: az login.'

group=${VHDUP_TRY_GROUP:-vhdup-try-$(date +%Y%m%d%H%M%S)}
disks=/subscriptions/$subscription/resourceGroups/$group/providers/Microsoft.Compute/disks

say "Subscription  $subscription_name ($subscription), $cloud"
say "Creates       five disks of 20 MiB in the resource group $group, $region"
say 'Deletes       everything that it created, after about ten minutes'
if [ "$sure" != yes ]; then
  printf 'Continue? [y/N] ' >&2
  read -r answer || answer=n
  case $answer in y | Y | yes) ;; *) die 'nothing was created.' ;; esac
fi

place=(-g "$group" --subscription "$subscription" --arm-endpoint "$arm" --arm-audience "$audience")
work=$(mktemp -d) || die 'no folder for temporary files.'
created=()

# ---------------------------------------------------------------- requests

# Secrets reach curl through its standard input, so that they are in no process list.
# send METHOD URL BODY_FILE HEADER...: sets status; the answer is in $work/headers and $work/body.
send() {
  local method=$1 url=$2 body=$3 header
  shift 3
  : >"$work/headers"
  : >"$work/body"
  status=$(
    {
      printf 'url = "%s"\n' "$url"
      if [ "$method" = HEAD ]; then printf 'head\n'; else printf 'request = "%s"\n' "$method"; fi
      for header in "$@"; do printf 'header = "%s"\n' "${header//\"/\\\"}"; done
      if [ -n "$body" ]; then
        printf 'data-binary = "@%s"\n' "$body"
      elif [ "$method" != GET ] && [ "$method" != HEAD ]; then
        printf 'header = "Content-Length: 0"\n'
      fi
    } | curl --silent --max-time 120 --config - --output "$work/body" --dump-header "$work/headers" --write-out '%{http_code}'
  ) || status=none
}

# header NAME: of the last answer.
header() { tr -d '\r' <"$work/headers" | grep -i "^$1:" | tail -n 1 | sed 's/^[^:]*: *//'; }

# has NAME: whether the last answer has this header.
has() { if [ -n "$(header "$1")" ]; then echo yes; else echo no; fi; }

# field NAME: the first text of this name in the last answer, which is JSON.
field() { tr -d '\r\n' <"$work/body" | grep -o "\"$1\" *: *\"[^\"]*\"" | head -n 1 | sed 's/^[^:]*: *"//; s/"$//'; }

# arm METHOD PATH [JSON]: sets answer to a text like "202, then Succeeded".
arm() {
  local method=$1 path=$2 json=${3:-} file='' poll state polls
  if [ -n "$json" ]; then
    file=$work/request
    printf '%s' "$json" >"$file"
  fi
  send "$method" "$arm$path?api-version=$disk_api" "$file" "Authorization: Bearer $token" 'Content-Type: application/json'
  answer=$status
  [ "$status" -lt 400 ] 2>/dev/null || { answer="$status $(field code)"; return; }
  poll=$(header azure-asyncoperation)
  [ -n "$poll" ] || poll=$(header location)
  [ -n "$poll" ] && [ "$method" != GET ] || return
  case $poll in "$arm"/*) ;; *) answer="$answer, and polls on another host"; return ;; esac
  for ((polls = 0; polls < max_polls; polls++)); do
    sleep "$poll_seconds"
    send GET "$poll" '' "Authorization: Bearer $token"
    state=$(field status)
    case $status:$state in 202:* | 200:InProgress | 200:Running) continue ;; esac
    answer="$answer, then ${state:-$status} $(field code)"
    answer=${answer% }
    return
  done
  answer="$answer, and not finished after $((max_polls * poll_seconds)) s"
}

# data METHOD QUERY BODY_FILE HEADER...: a request for the content of a disk, at $sas.
data() {
  local method=$1 query=$2 body=$3
  shift 3
  send "$method" "$sas${query:+&$query}" "$body" "x-ms-version: ${data_version:-2023-08-03}" "$@"
  answer="$status $(header x-ms-error-code)"
  answer=${answer% }
}

# put OFFSET FILE HEADER...: writes 512 bytes.
put() {
  local offset=$1 file=$2
  shift 2
  data PUT comp=page "$file" 'Content-Type: application/octet-stream' 'x-ms-page-write: update' \
    "x-ms-range: bytes=$offset-$((offset + 511))" "$@"
}

create() {
  created+=("$1")
  arm PUT "$disks/$1" "{\"location\":\"$region\",\"sku\":{\"name\":\"Standard_LRS\"},\"properties\":{\"creationData\":{\"createOption\":\"Upload\",\"uploadSizeBytes\":$size}}}"
}

# grant DISK SECONDS: sets granted.
grant() {
  arm POST "$disks/$1/beginGetAccess" "{\"access\":\"Write\",\"durationInSeconds\":$2}"
  granted=$(field accessSAS)
  [ -n "$granted" ] || granted=$(field accessSas)
  granted=$(printf '%s' "$granted" | sed 's/\\u0026/\&/g')
}

state_of() { arm GET "$disks/$1"; field diskState; }
end_access() { arm POST "$disks/$1/endGetAccess"; }
delete() { arm DELETE "$disks/$1"; }

# ---------------------------------------------------------------- report

# Texts of the service may repeat what must not be published.
report() {
  printf '%-62s %s\n' "$1" "$2" |
    sed -E "s/(sig|si|sk[a-z]*|[tcsh])=[^& ]+/\1=REDACTED/g; s/$subscription/SUBSCRIPTION/g" | tee -a "$work/report"
}

shown_bytes() {
  if cmp -s "$work/body" "$work/zeros"; then printf 'zeros'; else printf 'data, starting with "%s"' "$(head -c 8 "$work/body" | tr -cd '[:print:]')"; fi
}

finish() {
  trap - EXIT INT TERM
  say 'Deleting everything ...'
  local disk
  # A group with a disk to which somebody has access is not deleted.
  for disk in ${created[@]+"${created[@]}"}; do
    # It refuses a finished disk.
    vhdup disk abort "$disk" --yes --force "${place[@]}" --quiet 2>/dev/null && continue
    end_access "$disk"
    delete "$disk"
  done
  [ -n "${VHDUP_TRY_GROUP:-}" ] || az group delete --name "$group" --yes --no-wait --output none || say "Delete the resource group $group yourself: az group delete --name $group"
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

head -c 512 /dev/zero >"$work/zeros"
tr '\0' a <"$work/zeros" >"$work/a"
tr '\0' b <"$work/zeros" >"$work/b"
# Of 512 bytes "a", as Azure Storage computes them.
crc_of_a=u661BimQ84c=
md5_of_a=VpBzljOcorCZvRIkX5Nt3A==

# ---------------------------------------------------------------- the questions

if [ -z "${VHDUP_TRY_GROUP:-}" ]; then
  az group create --name "$group" --location "$region" --output none || die "the resource group $group could not be created."
fi
report 'vhdup, cloud, region, API version' "$(vhdup --version), $cloud, $region, $disk_api"

say 'A disk, and the first grant ...'
create try-a
report 'create a disk for upload' "$answer"
report 'state before the first grant' "$(state_of try-a)"
started=$(date +%s)
grant try-a 86400
report 'first grant' "$answer, after $(($(date +%s) - started)) s"
[ -n "$granted" ] || die "no access to the disk: $answer"
first=$granted
sas=$first
report 'host of the SAS' "$(printf '%s' "$sas" | sed -E 's#^https?://##; s#^[^.]*-[a-z0-9]*##; s#/.*##')"
report 'parameters of the SAS' "$(printf '%s' "$sas" | sed 's/^[^?]*?//' | tr '&' '\n' | sed 's/=.*//' | tr '\n' ' ')"
report 'state after the first grant' "$(state_of try-a)"

say 'The content of a new disk ...'
data HEAD '' ''
report 'properties' "$answer, length $(header content-length), type $(header x-ms-blob-type)"
report 'ETag, Last-Modified, sequence number' "$(has etag), $(has last-modified), $(has x-ms-blob-sequence-number)"
etag=$(header etag)
data GET comp=pagelist ''
report 'page list of a new disk' "$answer, $(grep -o '<PageRange>' "$work/body" | wc -l | tr -d ' ') ranges"
data GET '' '' 'x-ms-range: bytes=0-511'
report 'first 512 bytes of a new disk' "$answer, $(shown_bytes)"
data GET '' '' "x-ms-range: bytes=$((size - 512))-$((size - 1))"
report 'last 512 bytes of a new disk' "$answer, $(shown_bytes)"

say 'Writes, checksums, conditions ...'
put 0 "$work/a"
report 'write without a checksum' "$answer, answer has a CRC64: $(has x-ms-content-crc64)"
put 512 "$work/a" "x-ms-content-crc64: $crc_of_a"
report 'write with the right CRC64' "$answer"
put 512 "$work/b" "x-ms-content-crc64: $crc_of_a"
report 'write with a wrong CRC64' "$answer"
put 1024 "$work/a" "Content-MD5: $md5_of_a"
report 'write with the right MD5' "$answer"
put 1024 "$work/b" "Content-MD5: $md5_of_a"
report 'write with a wrong MD5' "$answer"
data GET '' '' 'x-ms-range: bytes=0-511' 'x-ms-range-get-content-crc64: true'
report 'read with CRC64' "$answer, answer has a CRC64: $(has x-ms-content-crc64)"
put 1536 "$work/a" 'If-Match: "0x8D0000000000000"'
report 'write with If-Match and a wrong ETag' "$answer"
data HEAD '' ''
report 'ETag after a write' "$([ "$(header etag)" = "$etag" ] && echo 'unchanged or absent' || echo changed)"
put 1536 "$work/a" 'x-ms-if-sequence-number-eq: 0'
report 'write with a condition on the sequence number' "$answer"
data PUT comp=page '' 'x-ms-page-write: clear' 'x-ms-range: bytes=0-511'
report 'clear pages' "$answer"
data PUT comp=lease '' 'x-ms-lease-action: acquire' 'x-ms-lease-duration: 15'
report 'acquire a lease' "$answer"
for data_version in 2019-12-12 2023-08-03 2023-11-03 2024-11-04 2025-05-05 2025-07-05 2025-11-05 2026-02-06; do
  data HEAD '' ''
  report "x-ms-version $data_version" "$answer"
done
data_version=2023-08-03

say 'A second grant ...'
grant try-a 86400
report 'second grant while the disk is in upload' "$answer"
second=$granted
if [ -n "$second" ]; then
  report 'second SAS' "$([ "$second" = "$first" ] && echo 'the same' || echo "another one, URL without SAS $([ "${second%%\?*}" = "${first%%\?*}" ] && echo the same || echo another)")"
  sas=$first
  data HEAD '' ''
  report 'the first SAS after the second grant' "$answer"
  sas=$second
  put 2048 "$work/a"
  report 'write with the second SAS' "$answer"
  data GET '' '' 'x-ms-range: bytes=512-1023'
  report 'what the first SAS wrote, read with the second' "$answer, $(shown_bytes)"
fi

say 'Tags, and the end of the access without a footer ...'
arm PATCH "$disks/try-a" '{"tags":{"vhdup-try":"1"}}'
report 'change tags during the upload' "$answer"
end_access try-a
report 'end the access without a footer' "$answer"
report 'state after that' "$(state_of try-a)"

say 'A disk to which nothing was written ...'
create try-b
grant try-b 86400
end_access try-b
report 'end the access without any write' "$answer, state $(state_of try-b)"

say 'Deleting a disk in upload ...'
create try-c
grant try-c 86400
delete try-c
report 'delete a disk in ActiveUpload' "$answer, state $(state_of try-c)"

say "A SAS that expires after $sas_seconds s ..."
create try-d
grant try-d "$sas_seconds"
report "grant for $sas_seconds s" "$answer"
sas=$granted
sleep $((sas_seconds + 2))
data HEAD '' ''
report 'properties after the SAS has expired' "$answer"
report 'state after the SAS has expired' "$(state_of try-d)"
grant try-d 86400
report 'grant after the SAS has expired' "$answer"

say 'A whole upload with vhdup ...'
head -c 20971520 /dev/urandom >"$work/disk.raw"
created+=(try-e)
vhdup upload "$work/disk.raw" --format raw --disk try-e -l "$region" --os-type none "${place[@]}" --verify full --quiet
report 'vhdup upload --disk' "exit code $?, state $(state_of try-e)"
vhdup image create try --disk try-e --os-type linux --generation 2 "${place[@]}" --dry-run --quiet
report 'vhdup image create --dry-run' "exit code $?"
vhdup disk abort try-d --yes --force "${place[@]}" --quiet
report 'vhdup disk abort of the disk whose SAS has expired' "exit code $?, state $(state_of try-d)"

say 'Done. Please send the lines above as an issue.'
