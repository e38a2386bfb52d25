// SPDX-License-Identifier: Apache-2.0
package two;

import library.Library;

/** One of two applications. */
public class Two {
    public static void main(String[] arguments) {
        System.out.println(Library.greeting("two"));
    }
}
