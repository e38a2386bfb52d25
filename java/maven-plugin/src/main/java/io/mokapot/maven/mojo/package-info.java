// SPDX-License-Identifier: Apache-2.0
/** The goals: Maven's projects and parameters turned into what the other packages know. */
package io.mokapot.maven.mojo;
