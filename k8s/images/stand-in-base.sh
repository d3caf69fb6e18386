#!/usr/bin/env bash
# A base image for a machine that reaches Debian's packages but no image registry: stands in for python:3.13-slim.
#
#   k8s/images/stand-in-base.sh carnet-base:trixie && make images BASE_IMAGE=carnet-base:trixie
#
# What this machine needs to reach its package index (pip.conf, certificates) goes into it, so such an image stays on this machine.
# Needs mmdebstrap and a running engine; takes two or three minutes.
set -euo pipefail

image="${1:?which name? e.g. carnet-base:trixie}"
engine="${ENGINE:-docker}"
hooks=()
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  if [[ -e "${file}" ]]; then
    hooks+=("--customize-hook=upload $(readlink -f "${file}") ${file}")
  fi
done
mmdebstrap --quiet --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates "${hooks[@]}" trixie - \
  | "${engine}" import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "${image}"
