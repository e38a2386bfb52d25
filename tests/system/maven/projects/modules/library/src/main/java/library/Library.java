// SPDX-License-Identifier: Apache-2.0
package library;

/** What both applications share. */
public class Library {
    public static String greeting(String name) {
        return "hello from " + name;
    }
}
