// SPDX-License-Identifier: Apache-2.0
package io.mokapot.modular;

import java.util.logging.Level;

/** On the module path it is in a named module, on the class path it is not. */
public final class Main {
  public static void main(String[] args) {
    System.out.println("module " + Main.class.getModule().getName() + ", logging " + Level.INFO);
  }
}
