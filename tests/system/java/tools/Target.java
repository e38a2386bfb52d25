// SPDX-License-Identifier: Apache-2.0

/** Something to look at from outside: objects of a known number, a thread with a known stack, a shutdown hook. */
public final class Target {
  /** Counted in heap dumps. */
  static final class Marker {}

  static Marker[] markers = new Marker[12345];

  public static void main(String[] arguments) {
    for (int i = 0; i < markers.length; i++) markers[i] = new Marker();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("the hook ran")));
    System.out.println("up");
    sitStill();
  }

  private static synchronized void sitStill() {
    try {
      Target.class.wait();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
