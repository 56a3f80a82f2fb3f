using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "latchkey-client/index.js", esModule = embed "../node_modules/latchkey-client/index.js"),
    (name = "latchkey-client/core.js", esModule = embed "../node_modules/latchkey-client/core.js"),
    (name = "latchkey-client/unix.js", esModule = embed "../node_modules/latchkey-client/unix.js"),
    (name = "latchkey-client/fetch.js", esModule = embed "../node_modules/latchkey-client/fetch.js"),
  ],
  bindings = [(name = "UPSTREAMS", fromEnvironment = "UPSTREAMS")],
  # From before `fetch` knew all its members.
  compatibilityDate = "2023-01-01",
);
