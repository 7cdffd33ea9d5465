//! Executors of compiled graphs: [`gpu`] (our WGSL kernels), [`cpu`] (vector instructions) and, with the feature `oracle`,
//! `oracle` (burn with its autodiff).

pub mod cpu;
pub mod device;
pub mod executor;
pub mod gpu;
#[cfg(feature = "oracle")]
pub mod oracle;
#[cfg(not(feature = "oracle"))]
#[path = "oracle_absent.rs"]
pub mod oracle;

#[cfg(test)]
fn initial_parameters(parameters: &[glasshouse_compiler::graph::Parameter], seed: u64) -> Vec<f32> {
    let yielder = glasshouse_platform::Yielder::none();
    glasshouse_platform::block_on(glasshouse_project::initial::parameters(parameters, seed, &yielder))
}
