// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition;

/** Which package may use which. */
@AnalyzeClasses(packages = "io.mokapot.maven", importOptions = ImportOption.DoNotIncludeTests.class)
class PackagesTest {
    @ArchTest
    static final ArchRule NO_CYCLES = slices().matching("io.mokapot.maven.(*)..").should()
            .beFreeOfCycles();

    @ArchTest
    static final ArchRule LAYERS = layeredArchitecture().consideringOnlyDependenciesInLayers()
            .layer("mojo").definedBy("io.mokapot.maven.mojo..")
            .layer("moka").definedBy("io.mokapot.maven.moka..")
            .layer("application").definedBy("io.mokapot.maven.application..")
            .layer("distribution").definedBy("io.mokapot.maven.distribution..")
            .layer("support").definedBy("io.mokapot.maven.support..")
            .whereLayer("mojo").mayNotBeAccessedByAnyLayer()
            .whereLayer("moka").mayOnlyBeAccessedByLayers("mojo")
            .whereLayer("application").mayOnlyBeAccessedByLayers("mojo", "moka")
            .whereLayer("distribution").mayOnlyBeAccessedByLayers("mojo");

    /** So that all but the goals can be tested, and understood, without Maven. */
    @ArchTest
    static final ArchRule ONLY_GOALS_KNOW_MAVEN = ArchRuleDefinition.noClasses().that()
            .resideOutsideOfPackage("io.mokapot.maven.mojo..").and().doNotHaveSimpleName("HelpMojo")
            .should().dependOnClassesThat().resideInAPackage("org.apache.maven..");
}
