# One image a distribution: docker build --build-arg SERVICE=documents .      (make images builds them all)
# SERVICE is identity, consent, documents, audit or dev. BASE_IMAGE must have python3 of 3.11 to 3.13 with venv and pip; what
# a machine needs to reach its package index (a mirror, its certificates) belongs into it and nowhere else.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
# One time for all that is made here: the same sources make the same layers.
ENV SOURCE_DATE_EPOCH=315532800
WORKDIR /build

# What builds: the contracts' compiler, the build backend and the writer of the bill of materials. The same for every image.
COPY requirements.lock pyproject.toml ./
COPY k8s/images/runtime_lock.py k8s/images/
RUN python3 k8s/images/runtime_lock.py lock group:build cyclonedx-bom > tools.lock \
 && python3 -m venv tools \
 && tools/bin/python -m pip install --quiet --require-hashes --no-deps --only-binary :all: --requirement tools.lock

# What runs: only what SERVICE needs of the lock, with the lock's hashes, in an environment that has no installer (--without-pip, and
# pip from outside). No sdist is ever taken, so nothing is compiled and no package runs code of its own here.
ARG SERVICE
COPY proto proto
COPY libs libs
COPY services services
COPY dev dev
COPY k8s/images k8s/images
RUN test -n "${SERVICE}" || { echo "which service? --build-arg SERVICE=documents" >&2; exit 1; } \
 && python3 k8s/images/runtime_lock.py lock "carnet-${SERVICE}" > runtime.lock \
 && python3 -m venv --without-pip /opt/carnet \
 && tools/bin/python -m pip --python /opt/carnet/bin/python install --quiet --require-hashes --no-deps --only-binary :all: --requirement runtime.lock

# Our own distributions, built here (the stubs with them): --no-index and --no-build-isolation, so nothing unlocked is fetched.
RUN python3 k8s/images/runtime_lock.py projects "carnet-${SERVICE}" > projects.txt \
 && PATH="/build/tools/bin:${PATH}" xargs tools/bin/python -m pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir wheels < projects.txt \
 && tools/bin/python -m pip --python /opt/carnet/bin/python install --quiet --no-index --no-deps wheels/*.whl \
 && tools/bin/python -m pip --python /opt/carnet/bin/python check \
 && tools/bin/python k8s/images/finish.py "${SERVICE}" /opt/carnet /out

FROM ${BASE_IMAGE}
# The base's own installers: nothing in a running container can install anything.
COPY k8s/images/remove_installers.py /tmp/
RUN python3 -IB /tmp/remove_installers.py && rm /tmp/remove_installers.py
# Two layers: what others wrote changes with the lock alone, what we wrote with each commit.
COPY --from=build /out/dependencies/ /
COPY --from=build /out/own/ /
ARG SERVICE
ARG REVISION=unknown
ARG VERSION=0
ARG CREATED=1980-01-01T00:00:00Z
LABEL org.opencontainers.image.title="carnet-${SERVICE}" \
      org.opencontainers.image.description="Carnet, a shared medical record: ${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV PATH="/opt/carnet/bin:${PATH}" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/carnet/bin/python", "-IBu", "/opt/carnet/start.py"]
