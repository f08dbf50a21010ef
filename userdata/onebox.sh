#!/bin/bash
# What one needs to know about this box. It starts nothing of pm2's, as another pm2 than the
# service's own would have neither its port nor its rights.

set -euo pipefail

library=/usr/local/lib/onebox
generations=/opt/onebox/generations

main() {
  local command=${1:-help}
  (( $# == 0 )) || shift
  case $command in
    status) status ;;
    logs) logs "$@" ;;
    releases) releases ;;
    rollback) sudo "$library/converge.sh" rollback "$@" && status ;;
    backup | restore) server "$command" "$@" ;;
    db) sudo -u onebox python3 -m sqlite3 'file:/data/onebox.db?mode=ro' "$@" ;;
    help | --help) help ;;
    *) help >&2 && exit 1 ;;
  esac
}

help() {
  cat <<'END'
onebox status                  how everything is
onebox logs [-f] [-n 100]      its log, with the options of journalctl
onebox releases                the generations that are kept
onebox rollback [GENERATION]   back to what served before; once more, and it is undone
onebox backup                  a checked copy in /data/backups, as one is made every night
onebox restore FILE            a backup back in place; it refuses what would lose data
onebox db [SQL]                look into the database without changing it
END
}

status() {
  line service "$(unit ActiveState) since $(unit ActiveEnterTimestamp)"
  line serving "$(curl --silent --max-time 5 http://127.0.0.1/healthz | read_json serving)"
  line deploy "$(read_json deploy 2>/dev/null </var/lib/onebox/converge.json || echo nothing yet)"
  line data "$(disk /data)"
  line 'root disk' "$(disk /)"
  line memory "$(memory Mem), swap $(memory Swap)"
  line booted "$(uptime --since)"
  [[ ! -e /run/reboot-required ]] || line '' 'an update waits for the reboot at 03:30 UTC'
}

# By their names: a pattern finds nothing where a power cut has damaged a file of the journal.
logs() { # [OPTION OF journalctl...]
  journalctl --unit=onebox{,.socket,-converge,-backup,-data-volume,-metadata-guard,@canary,@migrate} "$@"
}

releases() {
  local generation name marks
  for generation in $(find "$generations" -mindepth 1 -maxdepth 1 ! -name draft -printf '%T@ %p\n' |
    sort -nr | cut -d ' ' -f 2); do
    name=${generation##*/}
    marks=$(find /opt/onebox -maxdepth 1 -lname "*$name" -printf ' %f')
    echo "${name::12}  release $(id_of "$generation/release")  runtime $(id_of "$generation/runtime")" \
      " $(date --utc --reference="$generation" '+%F %R')$marks"
  done
}

# A command of the release that serves, as the user that it serves as.
server() { # COMMAND [ARGUMENT...]
  sudo -u onebox env DATA_DIR=/data /opt/onebox/current/runtime/bin/node \
    /opt/onebox/current/release/server.cjs "$@"
}

id_of() { # LINK
  basename "$(readlink "$1")" | cut -c -12
}

unit() { # PROPERTY
  systemctl show --property="$1" --value onebox.service
}

disk() { # PATH
  if mountpoint --quiet "$1"; then
    df --human-readable --output=pcent,size "$1" | awk 'NR == 2 { print $1 " of " $2 " used" }'
  else
    echo 'not mounted: see onebox logs'
  fi
}

memory() { # Mem|Swap
  free --mebi | awk -v name="$1:" '$1 == name { print $3 " of " $2 " MiB" }'
}

read_json() { # WHAT
  python3 -I "$library/read-json.py" "$1" 2>/dev/null || echo nothing yet
}

line() { # NAME TEXT
  printf '%-10s %s\n' "$1" "$2"
}

main "$@"
