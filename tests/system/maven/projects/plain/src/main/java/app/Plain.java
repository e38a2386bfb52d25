// SPDX-License-Identifier: Apache-2.0
package app;

import com.google.gson.Gson;

/** Says what it was given, by a library, and ends with a status. */
public class Plain {
    public static void main(String[] arguments) {
        System.out.println("plain: " + new Gson().toJson(arguments) + " " + System.getenv("COLOUR"));
        System.exit(arguments.length);
    }
}
