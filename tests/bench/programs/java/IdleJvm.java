// SPDX-License-Identifier: Apache-2.0

/** A JVM that has done its work and waits. */
public final class IdleJvm {
  private IdleJvm() {}

  public static void main(String[] args) throws InterruptedException {
    System.out.println("Hello");
    Thread.sleep(3000); // what its start has left to do
    System.out.println("idle begins");
    Thread.sleep(10_000);
    System.out.println("idle ends");
  }
}
