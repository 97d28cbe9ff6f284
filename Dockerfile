# One image per service out of one file:   docker build --build-arg SERVICE=payment -t payment .
# The `troupe` command out of the same:    docker build --build-arg PACKAGE=packages/cli -t troupe .
#
# Builds with BuildKit and without. What changes seldom comes first: an edit of a source file compiles anew
# and downloads nothing; the final layer with the dependencies changes only with a manifest or the lockfile.
#
#   tools       pnpm, and every package of the lockfile in its store
#   manifests   the package.json files and nothing else
#   production  the dependencies of one package as it runs, and of no other
#   built       the workspace, compiled
#   compiled    what of it that one package runs
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS tools
ARG PNPM_VERSION=10.34.9
# The workspace sets `reporter: silent`, which would keep errors to itself as well.
ENV npm_config_reporter=append-only CI=1
RUN npm install --global --no-audit --no-fund --loglevel=error "pnpm@${PNPM_VERSION}"
WORKDIR /fetch
COPY pnpm-lock.yaml pnpm-workspace.yaml ./
RUN pnpm fetch --ignore-scripts
WORKDIR /app

FROM ${NODE_IMAGE} AS manifests
WORKDIR /app
COPY . .
RUN find . -type f ! -name package.json ! -name pnpm-lock.yaml ! -name pnpm-workspace.yaml -delete \
  && find . -type d -empty -delete

FROM tools AS production
ARG SERVICE=order
ARG PACKAGE=services/${SERVICE}
COPY --from=manifests /app ./
RUN test -f "${PACKAGE}/package.json" || { \
      echo "There is no ${PACKAGE}: SERVICE names a folder in services, PACKAGE any folder with a package." >&2; exit 1; }
# Optional dependencies stay out: they hold PostgreSQL's binaries, for demos and tests without Docker.
RUN pnpm install --prod --no-optional --offline --frozen-lockfile --ignore-scripts --filter-prod "{./${PACKAGE}}..." \
  && pnpm list --filter-prod "{./${PACKAGE}}..." --depth -1 --parseable | sed 's|^/app/||' | sort > /packages.txt
# Without what pnpm notes about its run, which would make every build another one.
RUN rm -f node_modules/.modules.yaml node_modules/.pnpm-workspace-state*.json node_modules/.pnpm/lock.yaml \
  && mkdir /production && cp -a package.json node_modules /production/ \
  && xargs -a /packages.txt cp -a --parents -t /production

FROM tools AS built
COPY --from=manifests /app ./
RUN pnpm install --offline --frozen-lockfile --ignore-scripts
COPY . .
RUN pnpm exec tsc -b services/* packages/cli \
  && mkdir /built \
  && find packages services schemas -path '*/dist/*' -name '*.js' -not -path '*/node_modules/*' -print0 \
     | xargs -0 cp --parents -t /built

FROM production AS compiled
COPY --from=built /built /built
RUN cd /built && mkdir /compiled && sed 's|$|/dist|' /packages.txt | xargs cp -r --parents -t /compiled
COPY compose/ready.mjs /compiled/

FROM ${NODE_IMAGE}
ARG SERVICE=order
ARG PACKAGE=services/${SERVICE}
ENV NODE_ENV=production HTTP_ADDRESS=0.0.0.0:8080
WORKDIR /app
COPY --from=production /production ./
COPY --from=compiled /compiled ./
WORKDIR /app/${PACKAGE}
USER node
EXPOSE 8080
# As process 1 and without a shell, so that SIGTERM reaches it.
ENTRYPOINT ["node", "dist/main.js"]
