use super::*;
use glasshouse_compiler::graph::{Element, ParameterId, Type};
use glasshouse_protocol::{Bias, CheckpointChoice, ModelConfig, Position, Residual, Rope, RopeScaling};

fn parameters() -> Vec<Parameter> {
    let parameter = |name: &str, shape: &[usize], decayed, trainable| Parameter {
        decayed,
        trainable,
        ..Parameter::zeros(name, Type::f32(shape))
    };
    vec![
        parameter("embedding.tokens", &[5, 3], true, true),
        parameter("norm.weight", &[3], false, true),
        parameter("frozen.weight", &[2, 2], true, false),
    ]
}

/// A state with distinct entries and zero padding.
fn state(mark: f32) -> ArenaState {
    let layout = glasshouse_compiler::plan::arena::ArenaLayout::from_parameters(&parameters());
    let mut state = ArenaState {
        parameters: vec![0.0; layout.length].into(),
        first_moments: vec![0.0; layout.trained_end],
        second_moments: vec![0.0; layout.trained_end],
        ..ArenaState::default()
    };
    for (number, (start, count)) in layout.offsets.iter().zip(&layout.counts).enumerate() {
        for at in *start..start + count {
            state.weights_mut()[at] = mark + at as f32 * 0.1;
            if number < 2 {
                state.first_moments[at] = mark - at as f32 * 1e-3;
                state.second_moments[at] = mark * at as f32 * 1e-9;
            }
        }
    }
    state
}

fn info(step: u64) -> CheckpointInfo {
    CheckpointInfo {
        arena_version: ARENA_VERSION,
        step,
        seed: u64::MAX - 3,
        tokens_seen: step * 768,
        config_crc32c: 7,
        val_loss: Some(1.1 + step as f32 / 3.0),
        best_val_loss: Some(0.1),
        ..CheckpointInfo::default()
    }
}

fn save(checkpoints: &mut Checkpoints, step: u64, best: bool) -> PathBuf {
    block_on(checkpoints.save(&info(step), &parameters(), &state(step as f32), best, &Yielder::none()))
        .unwrap()
}

fn read_state(
    path: &Path,
    parameters: &[Parameter],
    content: Content,
) -> Result<(CheckpointInfo, ArenaState)> {
    let read = block_on(super::read_state(path, parameters, content, &Yielder::none()))?;
    Ok((read.info, read.state))
}

fn load(
    checkpoints: &mut Checkpoints,
    choice: &CheckpointChoice,
    content: Content,
) -> Result<Option<Loaded>> {
    block_on(checkpoints.load(choice, &parameters(), content, &Yielder::none()))
}

fn load_named(checkpoints: &mut Checkpoints, choice: &CheckpointChoice, content: Content) -> Result<Loaded> {
    block_on(checkpoints.load_named(choice, &parameters(), content, &Yielder::none()))
}

fn latest(folder: &Path) -> Result<Option<Loaded>> {
    load(&mut Checkpoints::new(folder), &CheckpointChoice::Latest, Content::WeightsAndMoments)
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".safetensors"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_state_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(latest(folder.path()).unwrap(), None);
    let path = save(&mut Checkpoints::new(folder.path()), 10, true);
    let loaded = latest(folder.path()).unwrap().unwrap();
    let path_again = path.clone();
    assert_eq!(
        loaded,
        Loaded { info: info(10), state: state(10.0), blocks: vec![], path: path_again, notices: vec![] }
    );
    let (_, weights) = read_state(&path, &parameters(), Content::Weights).unwrap();
    assert_eq!(weights, ArenaState::from_weights(state(10.0).parameters));
}

#[test]
fn averaged_weights_are_the_models_and_training_resumes_from_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    let mut averaged = state(10.0);
    averaged.average = averaged.first_moments.iter().map(|moment| moment * 2.0).collect();
    block_on(checkpoints.save(&info(10), &parameters(), &averaged, true, &Yielder::none())).unwrap();
    assert_eq!(latest(folder.path()).unwrap().unwrap().state, averaged);
    let loaded = load(&mut checkpoints, &CheckpointChoice::Latest, Content::Weights).unwrap().unwrap().state;
    averaged.exchange_average();
    assert_eq!(loaded, ArenaState::from_weights(averaged.parameters));
}

#[test]
fn the_latest_the_one_before_and_the_best_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    for step in 1..=6 {
        save(&mut checkpoints, step, step == 2);
        let manifests = ["manifest-a.json", "manifest-b.json"].map(|name| folder.path().join(name).exists());
        assert_eq!(manifests, [true, step > 1]);
    }
    let names = files(folder.path());
    assert_eq!(
        names.iter().map(|name| &name[5..13]).collect::<Vec<_>>(),
        ["00000002", "00000005", "00000006"]
    );
    let step_of = |which| {
        load(&mut Checkpoints::new(folder.path()), which, Content::Weights).unwrap().unwrap().info.step
    };
    assert_eq!((step_of(&CheckpointChoice::Latest), step_of(&CheckpointChoice::Best)), (6, 2));
    // Another process continues the numbering and keeps the best checkpoint.
    let mut resumed = Checkpoints::new(folder.path());
    load(&mut resumed, &CheckpointChoice::Latest, Content::Weights).unwrap();
    assert_eq!(resumed.keep_best().unwrap(), None);
    save(&mut resumed, 7, false);
    assert_eq!((step_of(&CheckpointChoice::Latest), step_of(&CheckpointChoice::Best)), (7, 2));
    assert_eq!(files(folder.path()).len(), 3);
}

#[test]
fn states_to_go_back_to_are_kept_until_the_run_went_back_beyond_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    for step in [0, 10, 13, 20, 27, 30, 31, 32] {
        if step % 10 == 0 {
            checkpoints.keep_next();
        }
        save(&mut checkpoints, step, step == 13);
    }
    assert_eq!(checkpoints.kept_steps(), [20, 30]);
    let loaded = checkpoints.load_kept(20, &parameters()).unwrap();
    assert_eq!((loaded.info.step, loaded.state), (20, state(20.0)));
    assert!(checkpoints.load_kept(10, &parameters()).is_err());
    let steps = |checkpoints: &Checkpoints| -> Vec<u64> {
        checkpoints.list().iter().filter(|kept| kept.resumable).map(|kept| kept.step).collect()
    };
    assert_eq!(steps(&checkpoints), [13, 20, 30, 31, 32]);
    // A new process finds the kept states.
    let mut again = Checkpoints::new(folder.path());
    load(&mut again, &CheckpointChoice::Latest, Content::Weights).unwrap().unwrap();
    assert_eq!((again.keep_best().unwrap(), again.kept_steps()), (None, vec![20, 30]));
    milestone(folder.path(), 25);
    milestone(folder.path(), 15);
    again.forget_after(20);
    // The state rolled back to is saved again, replacing the old copy.
    again.keep_next();
    save(&mut again, 20, false);
    assert_eq!(again.kept_steps(), [20]);
    assert_eq!((again.has_milestone(15), again.has_milestone(25)), (true, false));
    save(&mut again, 21, false);
    assert_eq!(steps(&again), [13, 20, 21]);
}

#[test]
fn a_rest_that_cannot_be_removed_costs_no_save() {
    let folder = tempfile::tempdir().unwrap();
    let rest = folder.path().join("step-00000000-000000.safetensors");
    // A folder, which cannot be removed as a file.
    std::fs::create_dir(&rest).unwrap();
    save(&mut Checkpoints::new(folder.path()), 1, false);
    assert!(rest.exists());
    assert_eq!(latest(folder.path()).unwrap().unwrap().info.step, 1);
}

#[test]
fn a_manifest_that_cannot_be_written_leaves_no_state_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    save(&mut checkpoints, 1, false);
    // A folder in place of the second manifest.
    let obstacle = folder.path().join("manifest-b.json");
    std::fs::create_dir(&obstacle).unwrap();
    let before = files(folder.path());
    assert!(
        block_on(checkpoints.save(&info(2), &parameters(), &state(2.0), true, &Yielder::none())).is_err()
    );
    assert_eq!(files(folder.path()), before);
    assert_eq!(latest(folder.path()).unwrap().unwrap().info.step, 1);
    std::fs::remove_dir(&obstacle).unwrap();
    save(&mut checkpoints, 2, false);
    assert_eq!(latest(folder.path()).unwrap().unwrap().info.step, 2);
}

/// Free space is checked beforehand only on Linux.
#[cfg(target_os = "linux")]
#[test]
fn a_state_for_which_there_is_no_room_is_refused_before_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let huge = Parameter { ty: Type::f32(&[1 << 30, 1 << 28]), ..parameters().remove(0) };
    assert!(Checkpoints::new(folder.path()).begin(&info(1), &[huge]).is_err());
    assert_eq!(files(folder.path()), [""; 0]);
}

#[test]
fn without_an_evaluation_the_latest_serves_as_best() {
    let folder = tempfile::tempdir().unwrap();
    save(&mut Checkpoints::new(folder.path()), 4, false);
    let best = load(&mut Checkpoints::new(folder.path()), &CheckpointChoice::Best, Content::Weights);
    assert_eq!(best.unwrap().unwrap().info.step, 4);
}

/// Damages the newest file of a kind, and checks that the state of `step` is loaded with a notice and that saving continues.
fn falls_back(newest: &str, step: u64, damage: impl Fn(&mut Vec<u8>)) {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    save(&mut checkpoints, 1, true);
    save(&mut checkpoints, 2, false);
    save(&mut checkpoints, 3, false);
    drop(checkpoints);
    let path = folder.path().join(newest);
    let mut bytes = std::fs::read(&path).unwrap();
    damage(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    let loaded =
        load(&mut checkpoints, &CheckpointChoice::Latest, Content::WeightsAndMoments).unwrap().unwrap();
    assert_eq!((loaded.info.step, loaded.state), (step, state(step as f32)));
    assert!(loaded.notices.first().unwrap().contains(newest), "{:?}", loaded.notices);
    assert!(loaded.notices.last().unwrap().contains(&format!("of step {step}")), "{:?}", loaded.notices);
    assert_eq!(checkpoints.keep_best().unwrap(), None);
    save(&mut checkpoints, 4, false);
    let loaded = latest(folder.path()).unwrap().unwrap();
    assert_eq!((loaded.info.step, loaded.notices), (4, vec![]));
    // That state is kept for the next fallback.
    std::fs::remove_file(loaded.path).unwrap();
    assert_eq!(latest(folder.path()).unwrap().unwrap().info.step, step);
}

#[test]
fn a_checkpoint_cut_anywhere_falls_back() {
    for cut in (0..960).step_by(37) {
        falls_back("step-00000003-000003.safetensors", 2, |bytes| {
            assert!(bytes.len() >= 960);
            bytes.truncate(cut);
        });
    }
    falls_back("step-00000003-000003.safetensors", 2, |bytes| bytes.truncate(bytes.len() - 1));
    falls_back("step-00000003-000003.safetensors", 2, |bytes| bytes.push(0));
}

#[test]
fn a_checkpoint_with_a_changed_bit_falls_back() {
    for at in (0..960).step_by(29) {
        falls_back("step-00000003-000003.safetensors", 2, |bytes| bytes[at] ^= 1 << (at % 8));
    }
}

#[test]
fn a_manifest_cut_or_changed_anywhere_costs_no_state() {
    for at in (0..380).step_by(13) {
        falls_back("manifest-a.json", 3, |bytes| bytes.truncate(at));
        falls_back("manifest-a.json", 3, |bytes| bytes[at] ^= 1 << (at % 8));
    }
}

#[test]
fn when_everything_is_damaged_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    save(&mut checkpoints, 1, false);
    save(&mut checkpoints, 2, false);
    for name in files(folder.path()) {
        std::fs::write(folder.path().join(name), "rubbish").unwrap();
    }
    let message = latest(folder.path()).unwrap_err().to_string();
    assert!(message.contains("no checkpoint of this run can be used"), "{message}");
    assert!(message.contains("7 bytes long instead of") && !message.contains('\n'), "{message}");
}

/// It may be intact: the system may read it again tomorrow.
#[cfg(unix)]
#[test]
fn a_checkpoint_that_cannot_be_read_is_neither_skipped_nor_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    save(&mut checkpoints, 1, false);
    let newest = save(&mut checkpoints, 2, true);
    let manifest = Slot::B.path(folder.path());
    for path in [&newest, &manifest] {
        load(&mut checkpoints, &CheckpointChoice::Latest, Content::Weights).unwrap();
        let aside = folder.path().join("aside");
        std::fs::rename(path, &aside).unwrap();
        std::os::unix::fs::symlink(path, path).unwrap();
        for choice in [CheckpointChoice::Latest, CheckpointChoice::Best] {
            let found = load(&mut Checkpoints::new(folder.path()), &choice, Content::Weights);
            assert!(matches!(found, Err(Error::Io { .. })), "{found:?}");
        }
        assert_eq!(checkpoints.keep_best().is_err(), path == &newest);
        std::fs::rename(&aside, path).unwrap();
    }
    let found = load(&mut Checkpoints::new(folder.path()), &CheckpointChoice::Latest, Content::Weights);
    let found = found.unwrap().unwrap();
    assert_eq!((found.info.step, found.notices), (2, Vec::new()));
}

#[test]
fn a_lost_best_is_said_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    let best = save(&mut checkpoints, 1, true);
    save(&mut checkpoints, 2, false);
    std::fs::write(best, "rubbish").unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    let loaded = load(&mut checkpoints, &CheckpointChoice::Best, Content::Weights).unwrap().unwrap();
    assert_eq!(loaded.info.step, 2);
    assert!(!loaded.notices.is_empty());
    assert!(checkpoints.keep_best().unwrap().unwrap().contains("best checkpoint is damaged"));
    save(&mut checkpoints, 3, false);
    let best = load(&mut Checkpoints::new(folder.path()), &CheckpointChoice::Best, Content::Weights);
    assert_eq!(best.unwrap().unwrap().info.step, 3);
}

/// Saves states of steps 10 (the best), 40 and 60, and removes both manifests.
fn without_manifests(folder: &Path) -> [PathBuf; 3] {
    let mut checkpoints = Checkpoints::new(folder);
    let paths = [10, 40, 60].map(|step| save(&mut checkpoints, step, step == 10));
    for name in ["manifest-a.json", "manifest-b.json"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    paths
}

#[test]
fn without_manifests_the_newest_intact_state_is_adopted_and_none_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [first, _, newest] = without_manifests(folder);
    let before = files(folder);
    let listed = Checkpoints::new(folder).list();
    assert_eq!(
        listed.iter().map(|own| (own.step, own.best)).collect::<Vec<_>>(),
        [(10, true), (40, false), (60, false)]
    );
    let mut checkpoints = Checkpoints::new(folder);
    let loaded =
        load(&mut checkpoints, &CheckpointChoice::Latest, Content::WeightsAndMoments).unwrap().unwrap();
    assert_eq!((loaded.info.step, loaded.path, loaded.state), (60, newest.clone(), state(60.0)));
    assert!(loaded.notices[0].contains("are missing") && loaded.notices[1].contains("step 60"));
    assert_eq!((checkpoints.keep_best().unwrap(), checkpoints.best_step()), (None, Some(10)));
    for step in [70, 80, 90] {
        save(&mut checkpoints, step, false);
        assert!(before[..2].iter().all(|name| files(folder).contains(name)), "{:?}", files(folder));
    }
    let best = load(&mut Checkpoints::new(folder), &CheckpointChoice::Best, Content::Weights).unwrap();
    assert_eq!(best.unwrap().path, first);
    assert_eq!(files(folder).len(), before.len() + 1, "the states of steps 60 and 70 are removed as usual");
    // A damaged one is skipped, and if all are, nothing starts again.
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let paths = without_manifests(folder);
    std::fs::write(&paths[2], "rubbish").unwrap();
    assert_eq!(latest(folder).unwrap().unwrap().info.step, 40);
    let bytes = std::fs::read(&paths[1]).unwrap();
    std::fs::write(&paths[1], &bytes[..bytes.len() - 4]).unwrap();
    assert_eq!(latest(folder).unwrap().unwrap().info.step, 10);
    std::fs::write(&paths[0], "").unwrap();
    assert!(latest(folder).unwrap_err().to_string().contains("no checkpoint of this run can be used"));
}

/// Whether the newest manifest is gone, rubbish or an earlier one, the state that it named is the latest, and nothing is removed.
#[test]
fn a_newer_intact_state_that_no_list_names_is_the_latest() {
    let losses: [fn(&Path); 4] = [
        |list| std::fs::remove_file(list).unwrap(),
        |list| std::fs::write(list, "rubbish").unwrap(),
        |list| _ = std::fs::copy(list.with_file_name("manifest-a.json"), list).unwrap(),
        |list| {
            std::fs::remove_file(list.with_file_name("manifest-a.json")).unwrap();
            std::fs::remove_file(list).unwrap();
        },
    ];
    for (at, lose) in losses.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut checkpoints = Checkpoints::new(folder);
        for step in [10, 20, 30, 40] {
            save(&mut checkpoints, step, step == 10);
        }
        lose(&folder.join("manifest-b.json"));
        let listed: Vec<u64> = Checkpoints::new(folder).list().iter().map(|own| own.step).collect();
        assert_eq!(listed, [10, 30, 40]);
        let carried = Checkpoints::new(folder).at_one_moment().unwrap();
        assert_eq!(carried.iter().filter(|(name, _)| name.starts_with("step-")).count(), 3);
        let mut checkpoints = Checkpoints::new(folder);
        let loaded = load(&mut checkpoints, &CheckpointChoice::Latest, Content::WeightsAndMoments);
        let loaded = loaded.unwrap().unwrap();
        assert_eq!((loaded.info.step, loaded.state), (40, state(40.0)));
        // An earlier list looks like a program killed before it wrote the next.
        assert_eq!(loaded.notices.is_empty(), at == 2, "{:?}", loaded.notices);
        assert_eq!((checkpoints.keep_best().unwrap(), checkpoints.best_step()), (None, Some(10)));
        save(&mut checkpoints, 50, false);
        let latest_before_last = latest(folder).unwrap().unwrap();
        assert_eq!((latest_before_last.info.step, latest_before_last.notices), (50, vec![]));
        std::fs::remove_file(latest_before_last.path).unwrap();
        assert_eq!(latest(folder).unwrap().unwrap().info.step, 40);
        // The usual three, and without lists also one that none of ours named.
        assert_eq!(files(folder).len(), if at == 3 { 3 } else { 2 }, "{:?}", files(folder));
    }
}

/// As in a project of which only the newest state was taken.
#[test]
fn a_single_list_is_no_loss_if_it_names_all_states() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    let paths = [10, 20, 30].map(|step| save(&mut checkpoints, step, step == 30));
    std::fs::remove_file(folder.path().join("manifest-b.json")).unwrap();
    std::fs::remove_file(&paths[1]).unwrap();
    let loaded = latest(folder.path()).unwrap().unwrap();
    assert_eq!((loaded.info.step, loaded.notices), (30, vec![]));
}

/// The list before the newest is lost, and the newest state is damaged.
#[test]
fn an_older_intact_state_that_no_list_names_is_better_than_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut checkpoints = Checkpoints::new(folder);
    let paths = [10, 20, 30, 40].map(|step| save(&mut checkpoints, step, step == 10));
    std::fs::remove_file(folder.join("manifest-a.json")).unwrap();
    std::fs::write(&paths[3], "rubbish").unwrap();
    let carried = Checkpoints::new(folder).at_one_moment().unwrap();
    assert_eq!(carried.iter().filter(|(name, _)| name.starts_with("step-")).count(), 3);
    let mut checkpoints = Checkpoints::new(folder);
    let loaded = load(&mut checkpoints, &CheckpointChoice::Latest, Content::WeightsAndMoments);
    let loaded = loaded.unwrap().unwrap();
    assert_eq!((loaded.info.step, loaded.notices.len()), (30, 3), "{:?}", loaded.notices);
    assert_eq!((checkpoints.keep_best().unwrap(), checkpoints.best_step()), (None, Some(10)));
    save(&mut checkpoints, 35, false);
    assert_eq!(latest(folder).unwrap().unwrap().info.step, 35);
}

/// A program was killed between a state and its list, and nothing of that stays behind.
#[test]
fn a_state_that_was_completed_just_before_its_list_is_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut checkpoints = Checkpoints::new(folder);
    let paths = [10, 20, 30].map(|step| save(&mut checkpoints, step, step == 30));
    let kept = [&Slot::A.path(folder), &Slot::B.path(folder), &paths[1]];
    let kept = kept.map(|path| (path.clone(), std::fs::read(path).unwrap()));
    save(&mut checkpoints, 40, false);
    for (path, bytes) in kept {
        std::fs::write(path, bytes).unwrap();
    }
    // Not from this run, or copied by hand.
    let foreign = "step-00000020-9999999.safetensors";
    std::fs::copy(&paths[1], folder.join(foreign)).unwrap();
    std::fs::copy(&paths[1], folder.join("step-00000020-18446744073709551615.safetensors")).unwrap();
    let mut checkpoints = Checkpoints::new(folder);
    let loaded = load(&mut checkpoints, &CheckpointChoice::Latest, Content::Weights).unwrap().unwrap();
    assert_eq!((loaded.info.step, loaded.notices), (40, vec![]));
    checkpoints.keep_best().unwrap();
    for step in [50, 60] {
        save(&mut checkpoints, step, false);
    }
    let steps: Vec<String> = files(folder).iter().map(|name| name[5..13].to_owned()).collect();
    assert_eq!(steps, ["00000020", "00000020", "00000030", "00000050", "00000060"]);
}

#[test]
fn an_unfinished_first_save_is_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = save(&mut Checkpoints::new(folder), 10, false);
    for name in ["manifest-a.json", "manifest-b.json"] {
        std::fs::remove_file(folder.join(name)).ok();
    }
    let whole = std::fs::read(&path).unwrap();
    let mark = br#"{\"crc32c\":\""#;
    let digits = whole.windows(mark.len()).position(|window| window == mark).unwrap() + mark.len();
    // The checksum is written last.
    let mut unsigned = whole.clone();
    unsigned[digits..digits + 8].fill(b'0');
    for unfinished in [&whole[..0], &whole[..whole.len() / 2], &unsigned[..]] {
        std::fs::write(&path, unfinished).unwrap();
        assert!(latest(folder).unwrap().is_none());
        assert!(Checkpoints::new(folder).list().is_empty());
    }
    save(&mut Checkpoints::new(folder), 10, false);
    assert_eq!(latest(folder).unwrap().unwrap().info.step, 10);
}

#[test]
fn an_unfinished_state_of_a_killed_program_is_removed_by_the_next_save() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    save(&mut checkpoints, 10, false);
    std::fs::write(folder.path().join("step-00000015-000002.safetensors"), "half").unwrap();
    // From another run: not understood, so it stays.
    std::fs::write(folder.path().join("step-00000099-000077.safetensors"), "other").unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    load(&mut checkpoints, &CheckpointChoice::Latest, Content::Weights).unwrap();
    save(&mut checkpoints, 20, false);
    let steps: Vec<String> = files(folder.path()).iter().map(|name| name[5..13].to_owned()).collect();
    assert_eq!(steps, ["00000010", "00000020", "00000099"]);
}

#[test]
fn another_models_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = save(&mut Checkpoints::new(folder.path()), 1, false);
    let mut other = parameters();
    other[0].ty = Type::f32(&[5, 4]);
    let message = read_state(&path, &other, Content::Weights).unwrap_err().to_string();
    assert!(message.contains("embedding.tokens") && message.contains("[5, 3]"), "{message}");
    other[0].name = "blocks.0".to_owned();
    let message = read_state(&path, &other, Content::Weights).unwrap_err().to_string();
    assert!(message.contains("has no `blocks.0`"), "{message}");
}

#[test]
fn stored_weights_are_the_same_from_files_of_either_precision() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    let mut halves = parameters();
    halves[2].ty.element = glasshouse_compiler::graph::Element::F16;
    let [full, half] = [parameters(), halves.clone()]
        .map(|own| block_on(checkpoints.save(&info(1), &own, &state(0.5), true, &Yielder::none())).unwrap());
    let read =
        |path: &Path, content| block_on(super::read_state(path, &halves, content, &Yielder::none())).unwrap();
    let [stored, again] = [&full, &half].map(|path| read(path, Content::Stored));
    assert_eq!(stored.state, again.state);
    assert!(stored.state.stored.iter().any(|word| *word != 0));
    let layout = glasshouse_compiler::plan::arena::ArenaLayout::from_parameters(&halves);
    let floats = layout.all_floats(stored.state.parameters.to_vec(), &stored.state.stored);
    assert_eq!(floats, *read(&half, Content::Weights).state.parameters);
}

#[test]
fn a_manifest_cannot_name_a_file_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    save(&mut Checkpoints::new(folder.path()), 1, false);
    let mut manifest = Manifest::read(folder.path(), Slot::A).unwrap().unwrap();
    manifest.latest.file = "step-/../../secret".to_owned();
    manifest.write(folder.path(), Slot::A).unwrap();
    let loaded = latest(folder.path()).unwrap().unwrap();
    assert!(loaded.notices[0].contains("is not a checkpoint name"), "{:?}", loaded.notices);
    assert_eq!(loaded.path.parent(), Some(folder.path()));
}

#[test]
fn blocks_of_a_file_are_read_again_and_those_of_another_length_or_type_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut parameters = parameters();
    let shape = vec![3, 32];
    // f16, 4 bytes of a row's 72 are of no use.
    let ty = glasshouse_compiler::blocks::gguf::GgmlType::F16;
    parameters[0].ty = Type { shape: shape.clone(), element: Element::Gguf { row: 18 } };
    let saved = |change: &dyn Fn(&mut Vec<u32>)| {
        let mut words = vec![0; 3 * 18];
        for row in words.chunks_exact_mut(18) {
            glasshouse_compiler::blocks::gguf::put_row(ty, &[0, 0x3c].repeat(32), row);
        }
        change(&mut words);
        let mut checkpoints = Checkpoints::new(folder.path());
        let mut begun = checkpoints.begin(&info(1), &parameters).unwrap();
        begun.put_blocks(&words).unwrap();
        begun.put(&[1.0; 3]).unwrap();
        begun.put(&[2.0; 4]).unwrap();
        checkpoints.finish(begun, true).unwrap()
    };
    let path = saved(&|_| ());
    let mut floats = parameters.clone();
    floats[0].ty.element = Element::F32;
    let (_, state) = read_state(&path, &floats, Content::Weights).unwrap();
    let layout = glasshouse_compiler::plan::arena::ArenaLayout::from_parameters(&floats);
    assert_eq!(state.parameters[layout.range(ParameterId(0))], [1.0; 96]);
    let read = |path: &Path, parameters: &[Parameter]| {
        block_on(super::read_state(path, parameters, Content::Stored, &Yielder::none()))
    };
    let stored = read(&path, &floats).unwrap().into_stored();
    assert_eq!((stored.blocks.len(), stored.blocks[0].element), (1, Element::Gguf { row: 18 }));
    let rows: Vec<_> = stored.rows_of_blocks(ParameterId(0)).unwrap().collect();
    assert_eq!((rows.len(), rows[2][0]), (3, ty.number()));
    assert!(stored.rows_of_blocks(ParameterId(1)).is_none());
    // The floats are those that are read as such.
    let unpacked = block_on(stored.to_floats(&floats, &layout, &async || ()));
    assert_eq!(unpacked, *read_state(&path, &floats, Content::Weights).unwrap().1.parameters);
    // A type whose rows are longer, one that there is not, and a matrix of other columns.
    let wrong = |path: &Path, parameters: &[Parameter]| {
        let error = read_state(path, parameters, Content::Weights).unwrap_err().to_string();
        let kept = read(path, parameters).unwrap_err().to_string();
        assert!(
            error.contains("its blocks of 3 × 72 bytes") && kept.contains("its blocks of"),
            "{error} {kept}"
        );
    };
    wrong(&saved(&|words| words[18] = 0), &floats);
    wrong(&saved(&|words| words[36] = 99), &floats);
    let path = saved(&|_| ());
    floats[0].ty.shape = vec![3, 64];
    wrong(&path, &floats);
}

#[test]
fn a_checkpoint_larger_than_the_memory_is_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    save(&mut checkpoints, 1, true);
    let path = save(&mut checkpoints, 2, true);
    checkpoints.memory = || Some(100);
    let named = path.file_name().unwrap().to_str().unwrap().into();
    for choice in [CheckpointChoice::Latest, CheckpointChoice::Best, named] {
        for content in [Content::Weights, Content::Stored, Content::WeightsAndMoments] {
            let error = load_named(&mut checkpoints, &choice, content).unwrap_err();
            assert!(matches!(error, Error::TooLarge { available: 100, .. }), "{error}");
        }
    }
    checkpoints.memory = || Some(1 << 20);
    assert_eq!(
        load_named(&mut checkpoints, &CheckpointChoice::Latest, Content::Weights).unwrap().info.step,
        2
    );
}

fn milestone(folder: &Path, step: u64) -> PathBuf {
    Checkpoints::new(folder).save_milestone(&info(step), &parameters(), &state(step as f32)).unwrap()
}

#[test]
fn a_milestone_holds_the_weights_in_half_precision_and_nothing_removes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = milestone(folder.path(), 5);
    let mut checkpoints = Checkpoints::new(folder.path());
    for step in 6..10 {
        save(&mut checkpoints, step, false);
    }
    assert!(checkpoints.has_milestone(5) && !checkpoints.has_milestone(6));
    let name = CheckpointChoice::from(path.file_name().unwrap().to_str().unwrap());
    let loaded = load_named(&mut checkpoints, &name, Content::Weights).unwrap();
    assert_eq!(loaded.info, info(5));
    let wanted = state(5.0).parameters;
    let nearest: Vec<f32> = wanted.iter().map(|weight| half::f16::from_f32(*weight).to_f32()).collect();
    assert_eq!(loaded.state, ArenaState::from_weights(nearest));
    let message = load_named(&mut checkpoints, &name, Content::WeightsAndMoments).unwrap_err().to_string();
    assert!(message.contains("only weights"), "{message}");
}

#[test]
fn a_weight_beyond_half_precision_keeps_the_milestone_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut large = state(1.0);
    large.weights_mut()[0] = 7e4;
    let checkpoints = Checkpoints::new(folder.path());
    let path = checkpoints.save_milestone(&info(1), &parameters(), &large).unwrap();
    let (_, read) = read_state(&path, &parameters(), Content::Weights).unwrap();
    assert_eq!(read.parameters, large.parameters);
}

#[test]
fn the_list_names_what_can_be_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    assert_eq!(checkpoints.list(), []);
    for step in 1..=4 {
        save(&mut checkpoints, step, step == 1);
    }
    milestone(folder.path(), 3);
    std::fs::write(folder.path().join("milestone-00000009.safetensors"), "rubbish").unwrap();
    let facts = |checkpoints: &Checkpoints| -> Vec<(u64, bool, bool)> {
        let list = checkpoints.list();
        for summary in &list {
            let loss = info(summary.step).val_loss;
            assert_eq!(summary.val_loss, loss);
            let length = std::fs::metadata(folder.path().join(&summary.file)).unwrap().len();
            assert_eq!(summary.bytes, length);
            let loaded =
                load_named(&mut Checkpoints::new(folder.path()), &summary.choice(), Content::Weights)
                    .unwrap();
            assert_eq!(loaded.info.step, summary.step);
        }
        list.iter().map(|summary| (summary.step, summary.best, summary.resumable)).collect()
    };
    let all = [(1, true, true), (3, false, false), (3, false, true), (4, false, true)];
    assert_eq!(facts(&checkpoints), all);
    std::fs::write(folder.path().join("step-00000004-000004.safetensors"), "cut").unwrap();
    assert_eq!(facts(&checkpoints), all[..3]);
    let milestone = load_named(&mut checkpoints, &"milestone-00000007.safetensors".into(), Content::Weights);
    let error = milestone.unwrap_err().to_string();
    assert!(error.contains("step 7") && error.contains("step 3, milestone-00000003"), "{error}");
    let instead = checkpoints.instead_of("step-00000002-000002.safetensors").unwrap();
    assert!(instead.contains("step 1"), "{instead}");
    assert_eq!(checkpoints.instead_of("rubbish"), None);
    for name in ["step-00000002-000002.safetensors", "../secret", "milestone-00000007.safetensors"] {
        let error = load_named(&mut checkpoints, &name.into(), Content::Weights).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
}

/// The loss scale is saved with the moments; milestones have none.
#[test]
fn a_loss_scale_is_kept_and_a_checkpoint_without_one_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    save(&mut checkpoints, 1, false);
    assert_eq!(latest(folder.path()).unwrap().unwrap().state.loss_scale, None);
    let scaled = ArenaState {
        loss_scale: Some(glasshouse_compiler::step::LossScale { scale: 4096.0, good_steps: 1999 }),
        ..state(2.0)
    };
    let path = block_on(checkpoints.save(&info(2), &parameters(), &scaled, false, &Yielder::none())).unwrap();
    assert_eq!(latest(folder.path()).unwrap().unwrap().state, scaled);
    let (_, weights) = read_state(&path, &parameters(), Content::Weights).unwrap();
    assert_eq!(weights.loss_scale, None);
}

/// Covers a milestone and a file loaded by path, with or without a manifest.
#[test]
fn a_bit_that_turns_over_in_any_checkpoint_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path());
    let milestone = checkpoints.save_milestone(&info(7), &parameters(), &state(0.5)).unwrap();
    let whole = std::fs::read(&milestone).unwrap();
    read_state(&milestone, &parameters(), Content::Weights).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let key = whole.windows(6).position(|window| window == b"crc32c").unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&milestone, &bytes).unwrap();
        let read = read_state(&milestone, &parameters(), Content::Weights);
        let of_key = (key - 4..key + 12).contains(&(bit / 8));
        // Without the checksum's key there is no checksum, but then nothing else has changed.
        assert!(read.is_err() || of_key, "bit {bit} of a header of {header}");
        if bit / 8 >= header + 8 {
            let message = read.unwrap_err().to_string();
            assert!(message.contains("(checksum)"), "{message}");
        }
    }
    // The manifest matches the file, and the file its own checksum.
    let path = save(&mut Checkpoints::new(folder.path()), 10, true);
    read_state(&path, &parameters(), Content::WeightsAndMoments).unwrap();
    assert_eq!(latest(folder.path()).unwrap().unwrap().info, info(10));
}

#[test]
fn settings_that_change_what_weights_compute_are_compared_by_name() {
    let model = glasshouse_protocol::presets::preset("llama-tiny").unwrap().model;
    let trained = CheckpointInfo { model: settings_of(&model), ..info(1) };
    trained.check_model(&model).unwrap();
    let mut other = model.clone();
    other.position = Position::Rope(Rope::new(500.0));
    let reason = trained.check_model(&other).unwrap_err();
    assert!(
        reason.contains("model.position.base = 500, but the checkpoint was trained with 10000"),
        "{reason}"
    );
    other = model.clone();
    other.mlp.gate = glasshouse_protocol::model::Gate::Geglu;
    assert!(trained.check_model(&other).unwrap_err().contains("model.mlp.gate = geglu"));
    // Without recorded settings there is nothing to compare.
    info(1).check_model(&other).unwrap();

    let rope = |rope: Rope| Position::Rope(rope);
    let base = Rope::new(10_000.0);
    for (other, named) in [
        (
            ModelConfig { bias: Bias { head: true, ..Bias::default() }, ..model.clone() },
            "model.bias.head = true",
        ),
        (
            ModelConfig { bias: Bias { qkv: true, ..Bias::default() }, ..model.clone() },
            "model.bias.qkv = true",
        ),
        (ModelConfig { embedding_scale: 2.0, ..model.clone() }, "model.embedding_scale = 2"),
        (ModelConfig { sliding_window: Some(9), ..model.clone() }, "model.sliding_window = 9"),
        (ModelConfig { attention_scale: Some(2.0), ..model.clone() }, "model.attention_scale = 2"),
        (ModelConfig { attention_softcap: Some(9.0), ..model.clone() }, "model.attention_softcap = 9"),
        (ModelConfig { residual_scale: 0.5, ..model.clone() }, "model.residual_scale = 0.5"),
        (ModelConfig { logit_divisor: 8.0, ..model.clone() }, "model.logit_divisor = 8"),
        (ModelConfig { qk_norm_whole: true, ..model.clone() }, "model.qk_norm_whole = true"),
        (
            ModelConfig { position: rope(Rope { local_base: Some(9.0), ..base.clone() }), ..model.clone() },
            "local_base = 9",
        ),
        (ModelConfig { residual: Residual::Parallel, ..model.clone() }, "model.residual = parallel"),
        (
            ModelConfig { position: rope(Rope { skip_every: 4, ..base.clone() }), ..model.clone() },
            "skip_every = 4",
        ),
        (
            ModelConfig { position: rope(Rope { channels: Some(8), ..base.clone() }), ..model.clone() },
            "channels = 8",
        ),
        (
            ModelConfig {
                position: rope(Rope { scaling: Some(RopeScaling::Linear { factor: 2.0 }), ..base.clone() }),
                ..model.clone()
            },
            "model.position.scaling = linear",
        ),
    ] {
        let reason = trained.check_model(&other).unwrap_err();
        assert!(reason.contains(named), "{named}: {reason}");
    }
}

#[test]
fn files_of_a_moment_are_there_though_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path());
    for step in 1..=3 {
        save(&mut checkpoints, step, step == 1);
    }
    std::fs::write(folder.path().join("step-00000004-000004.safetensors"), "being written").unwrap();
    std::fs::write(folder.path().join("milestone-00000003.safetensors"), "stays").unwrap();
    let moment = checkpoints.at_one_moment().unwrap();
    for step in 5..=9 {
        save(&mut checkpoints, step, false);
    }
    let elsewhere = tempfile::tempdir().unwrap();
    for (name, part) in moment {
        let content = match part {
            CarriedFile::Bytes(bytes) => bytes,
            CarriedFile::Open(mut file, _) => {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
                bytes
            }
            CarriedFile::Lasting => std::fs::read(folder.path().join(&name)).unwrap(),
        };
        std::fs::write(elsewhere.path().join(name), content).unwrap();
    }
    assert_eq!(latest(elsewhere.path()).unwrap().unwrap().info.step, 3);
    assert_eq!(files(elsewhere.path()).len(), 4, "the latest, the one before, the best and the milestone");
    // A lost file must not cause an endless wait.
    std::fs::remove_file(folder.path().join(&files(folder.path())[1])).unwrap();
    checkpoints.at_one_moment().unwrap();
}
