# Two images of one build:
#   docker build --target gateway  -t rwgateway .
#   docker build --target emulator -t rwgateway-emulator .     the local issuer, for development only
# Both run as a user of their own on a read-only root file system.

ARG BASE=ubuntu:24.04

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates dotnet-sdk-10.0 \
 && rm -rf /var/lib/apt/lists/*
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
WORKDIR /source
COPY . .
# With the runtime in it, so that nothing else is installed, and compiled ahead of time together with it: a start takes two thirds
# of the CPU then, this step some minutes.
RUN arch=$(uname -m | sed 's/x86_64/linux-x64/; s/aarch64/linux-arm64/') \
 && for project in RemoteWriteGateway EntraEmulator; do \
      dotnet publish "src/$project" -c Release -r "$arch" --self-contained -p:PublishReadyToRun=true \
        -p:PublishReadyToRunComposite=true -o "/out/$project" || exit 1; \
    done

FROM ${BASE} AS runtime
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates libssl3t64 libstdc++6 \
 && rm -rf /var/lib/apt/lists/*
# Without it the runtime makes a socket in /tmp, which a read-only file system does not have.
ENV DOTNET_EnableDiagnostics=0

FROM runtime AS emulator
RUN useradd --system --uid 10002 --user-group --no-create-home emulator && install -d -o emulator -g emulator /data
COPY --from=build /out/EntraEmulator /app
USER 10002:10002
WORKDIR /data
EXPOSE 5901 5903
ENTRYPOINT ["/app/EntraEmulator"]

# Last, so that it is what a build without a target makes.
FROM runtime AS gateway
RUN useradd --system --uid 10001 --user-group --no-create-home rwgateway \
 && install -d -o rwgateway -g rwgateway -m 0700 /data \
 && install -d /etc/rwgateway
COPY --from=build /out/RemoteWriteGateway /app
USER 10001:10001
# appsettings.json and policy.yaml stand here; what it keeps stands in /data.
WORKDIR /etc/rwgateway
ENV Http__Url=http://*:8080 \
    Management__Url=http://*:8081 \
    Catalog__ConnectionString="Data Source=/data/catalog.db" \
    Audit__SpoolDirectory=/data/audit-spool
EXPOSE 8080 8081
VOLUME /data
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/app/rwgateway", "health"]
ENTRYPOINT ["/app/rwgateway"]
