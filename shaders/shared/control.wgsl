// What changes from step to step. The engine's plan/control.rs holds the same structures, and one of its tests compares
// the layouts.

struct Control {
    row: u32,
    skipped: u32,
    gradient_scale: f32,
    gradient_norm: f32,
    loss_scale: f32,
    good_steps: u32,
}

struct ScheduleRow {
    learning_rate: f32,
    first_correction: f32,
    second_correction: f32,
    counted: f32,
    seed: vec2<u32>,
    reserved: vec2<u32>,
}

struct ReportRow {
    loss: f32,
    count: f32,
    gradient_norm: f32,
    skipped: f32,
    chosen_reward: f32,
    rejected_reward: f32,
    accuracy: f32,
    log_ratio: f32,
    ties: f32,
    chosen: f32,
    rejected: f32,
}
