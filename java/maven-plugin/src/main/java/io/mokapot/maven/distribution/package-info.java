// SPDX-License-Identifier: Apache-2.0
/** moka and the kernel as they come out of the artifact {@code io.mokapot:mokapot-dist}. */
package io.mokapot.maven.distribution;
