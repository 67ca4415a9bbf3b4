//! What a run can reach, and which secrets it can need: one that is missing is found before the first connection.

use std::collections::BTreeSet;

use super::{Callee, Code, Effect, Expr, Instruction as I, Proc, SecretSource, TimeOut, Value};

impl Code {
    /// The environment variables from which the plan that runs takes secrets, or a plan or procedure that it reaches.
    pub fn secrets_of_the_environment(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for proc in self.reached() {
            proc.initial.iter().flatten().for_each(|value| add(value, &mut names));
            let written = proc.instructions.iter().flat_map(values);
            written.for_each(|value| add(value, &mut names));
        }
        names
    }

    /// Whether the plan that runs, or what it reaches, asks a person.
    pub fn asks_a_person(&self) -> bool {
        let mut instructions = self.reached().into_iter().flat_map(|proc| &proc.instructions);
        instructions.any(|instruction| matches!(instruction, I::Confirm(_)))
    }

    /// The body of the plan that runs, and every procedure that it or a plan of its own can call.
    pub fn reached(&self) -> Vec<&Proc> {
        self.reached_from(self.plan().body)
    }

    /// Whether a body, or what it calls, changes anything by itself. The verification after it does so only where
    /// something else did.
    pub(super) fn changes(&self, body: usize) -> bool {
        let is_change = |instruction: &I| matches!(instruction, I::Run(command, _) if command.effect != Effect::Read);
        let Some(proc) = self.procs.get(body) else { return false };
        let own = proc.instructions.iter().take_while(|instruction| !matches!(instruction, I::Disrupted(_)));
        let mut called = BTreeSet::new();
        for instruction in own {
            match instruction {
                instruction if is_change(instruction) => return true,
                I::Call(Callee::Proc(id), ..) => {
                    called.insert(id.0);
                }
                I::Call(Callee::Driver(name), ..) => {
                    called.extend(self.drivers.values().filter_map(|driver| driver.procs.get(name)).copied());
                }
                _ => {}
            }
        }
        let mut reached = called.into_iter().flat_map(|id| self.reached_from(id));
        reached.any(|proc| proc.instructions.iter().any(is_change))
    }

    fn reached_from(&self, body: usize) -> Vec<&Proc> {
        let mut seen = BTreeSet::new();
        let mut open = vec![body];
        while let Some(id) = open.pop() {
            let Some(proc) = self.procs.get(id).filter(|_| seen.insert(id)) else { continue };
            for instruction in &proc.instructions {
                match instruction {
                    I::Call(Callee::Proc(id), ..) => open.push(id.0),
                    I::Call(Callee::Driver(name), ..) => {
                        open.extend(self.drivers.values().filter_map(|driver| driver.procs.get(name)));
                    }
                    I::RunPlan(plan, _) => open.push(self.plans[*plan].body),
                    _ => {}
                }
            }
        }
        seen.into_iter().map(|id| &self.procs[id]).collect()
    }
}

/// The values that a plan's author wrote into an instruction. Guards have none.
fn values(instruction: &I) -> Vec<&Expr> {
    match instruction {
        I::Set(_, value)
        | I::JumpUnless(value, _)
        | I::JumpIf(value, _)
        | I::Fail(value)
        | I::Skip(value)
        | I::Warn(value)
        | I::Record(_, value)
        | I::Confirm(value) => vec![value],
        I::Run(command, _) => command.env.iter().map(|(_, value)| value).chain(&command.stdin).collect(),
        I::Probe(_, args, ..) | I::Call(_, args, ..) | I::RunPlan(_, args) => args.iter().collect(),
        I::WaitBegin(within, every) | I::Retry(within, every) => std::iter::once(within).chain(every).collect(),
        I::WaitCheck(condition, _, TimeOut::Fail(otherwise)) | I::Require(condition, otherwise) => {
            std::iter::once(condition).chain(otherwise).collect()
        }
        I::WaitCheck(condition, _, TimeOut::Jump(_)) => vec![condition],
        I::Notify(_, subject, fields) => {
            std::iter::once(subject).chain(fields.iter().map(|(_, value)| value)).collect()
        }
        I::Return(value) => value.iter().collect(),
        I::Evidence(..)
        | I::Jump(_)
        | I::Next(..)
        | I::Try(..)
        | I::Keep(..)
        | I::Ask(..)
        | I::EndTry
        | I::EndFinally
        | I::EndRetry
        | I::Claim(_)
        | I::KeepOff(_)
        | I::Guard(..)
        | I::Settled(_)
        | I::JumpIfDisrupted(..)
        | I::JumpUnlessProves(..)
        | I::Disrupted(_)
        | I::Recovered(_)
        | I::FailAs(_)
        | I::JumpIfFailing(_)
        | I::GuestsBack(_)
        | I::Verified(_) => Vec::new(),
        I::Stage(stage) => stage.values.iter().map(|(_, value)| value).collect(),
    }
}

fn add(value: &Expr, names: &mut BTreeSet<String>) {
    if let Expr::Const(Value::Secret(source)) = value
        && let SecretSource::Env(name) = &**source
    {
        names.insert(name.clone());
    }
    value.parts().into_iter().for_each(|part| add(part, names));
}
