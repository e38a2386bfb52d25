// SPDX-License-Identifier: Apache-2.0
import java.lang.instrument.Instrumentation;

/** Started by the manifest's Launcher-Agent-Class. */
public final class Agent {
  static boolean ran;
  static boolean canRedefine;

  public static void agentmain(String arguments, Instrumentation instrumentation) {
    ran = true;
    canRedefine = instrumentation.isRedefineClassesSupported();
  }
}
