// SPDX-License-Identifier: Apache-2.0
public final class Main {
  public static void main(String[] args) {
    System.out.println("agent before main: " + Agent.ran + ", can redefine: " + Agent.canRedefine);
  }
}
