// SPDX-License-Identifier: Apache-2.0
package one;

import library.Library;

/** One of two applications. */
public class One {
    public static void main(String[] arguments) {
        System.out.println(Library.greeting("one"));
    }
}
