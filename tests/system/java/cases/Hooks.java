// SPDX-License-Identifier: Apache-2.0
/** Shutdown hooks: "exit" ends by System.exit(3), "return" by returning, "wait" by a signal from outside. */
public final class Hooks {
  public static void main(String[] args) throws Exception {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook ran")));
    System.out.println("ready");
    switch (args[0]) {
      case "exit":
        System.exit(3);
        break;
      case "halt":
        Runtime.getRuntime().halt(4);
        break;
      case "throw":
        throw new IllegalStateException("on purpose");
      case "wait":
        Thread.sleep(120_000);
        System.out.println("nobody came");
        break;
      default:
        break;
    }
  }
}
