//! Evaluating models: how well they predict and answer, on either executor. What is computed beside a model is in `glasshouse-evaluate`.
