"""Closed forms of the classical models that the simulator contains as special cases, to check it against.

Pure functions; nothing here is random. They live in `theory_thresholds` (critical mass, cascades), `theory_networks`
(percolation), `theory_epidemics` (final sizes, diffusion), `theory_processes` (clusters, reaction times), `theory_stays`
(exposures, people present) and `theory_significance` (the z of a test), and are offered here under the same names.
"""

from __future__ import annotations

from sim.measures.theory_epidemics import (
    bass_peak,
    bass_share,
    complete_outbreak_probability,
    final_size,
    final_size_pmf,
    logistic_share,
)
from sim.measures.theory_networks import (
    constant_pmf,
    excess_pmf,
    markov_outbreak_probability,
    markov_transmissibility,
    mean_degree,
    mean_small_outbreak,
    outbreak_probability,
    outbreak_size,
    outbreak_threshold,
    poisson_pmf,
    power_law_pmf,
)
from sim.measures.theory_processes import (
    borel_cdf,
    borel_pmf,
    borel_tail,
    hawkes_cluster_mean,
    hawkes_cluster_variance,
    hawkes_count_dispersion,
    hawkes_count_variance,
    hawkes_rate,
    seismic_quantile,
)
from sim.measures.theory_significance import (
    critical_value,
    z_of_binomial,
    z_of_chi_square,
    z_of_ks,
    z_of_p,
    z_of_poisson,
    z_of_t,
)
from sim.measures.theory_stays import (
    exposure_cdf,
    exposure_moments,
    infinite_server_build_up,
    infinite_server_moments,
    present_probability,
)
from sim.measures.theory_thresholds import (
    cascade_factor,
    cascade_size,
    cascade_window,
    critical_mass_equilibrium,
    critical_mass_path,
    critical_mass_tangency,
    threshold_cascade,
    threshold_staircase,
)

__all__ = [
    "bass_peak",
    "bass_share",
    "borel_cdf",
    "borel_pmf",
    "borel_tail",
    "cascade_factor",
    "cascade_size",
    "cascade_window",
    "complete_outbreak_probability",
    "constant_pmf",
    "critical_mass_equilibrium",
    "critical_mass_path",
    "critical_mass_tangency",
    "critical_value",
    "excess_pmf",
    "exposure_cdf",
    "exposure_moments",
    "final_size",
    "final_size_pmf",
    "hawkes_cluster_mean",
    "hawkes_cluster_variance",
    "hawkes_count_dispersion",
    "hawkes_count_variance",
    "hawkes_rate",
    "infinite_server_build_up",
    "infinite_server_moments",
    "logistic_share",
    "markov_outbreak_probability",
    "markov_transmissibility",
    "mean_degree",
    "mean_small_outbreak",
    "outbreak_probability",
    "outbreak_size",
    "outbreak_threshold",
    "poisson_pmf",
    "power_law_pmf",
    "present_probability",
    "seismic_quantile",
    "threshold_cascade",
    "threshold_staircase",
    "z_of_binomial",
    "z_of_chi_square",
    "z_of_ks",
    "z_of_p",
    "z_of_poisson",
    "z_of_t",
]
