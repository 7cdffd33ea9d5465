//! Shannon entropy.

/// Shannon entropy of counts, in bits. `libm` gives the same result on every machine.
pub(crate) fn entropy_of(counts: &[u32]) -> f64 {
    let all: u32 = counts.iter().sum();
    let used = counts.iter().filter(|&&count| count > 0).map(|&count| f64::from(count) / f64::from(all));
    used.map(|part| -part * libm::log2(part)).sum()
}
