# `app` is built on what `base` makes, without a registry in between: "target:base" stands for its result.

group "default" {
  targets = ["app"]
}

target "base" {
  context           = "linked"
  contexts          = { rootfs = "rootfs" }
  dockerfile-inline = <<-EOT
    FROM scratch
    COPY --from=rootfs / /
    RUN echo 'made in base' >/etc/motd
  EOT
}

target "app" {
  context           = "linked"
  contexts          = { base = "target:base" }
  dockerfile-inline = <<-EOT
    FROM base
    COPY message /
    RUN cat /etc/motd /message >/both
  EOT
  output = ["type=tar,dest=bake-out/linked.tar"]
}
