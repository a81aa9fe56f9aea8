/**
 * Loaded into a trial's process before all else: when the process that runs the study is gone, however it went, the pipe on
 * standard input closes, and the trial is told to stop, as by a scheduler. So no trial works on unseen.
 */

process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.resume();
// An open pipe alone must not keep a trial alive that has ended.
if ('unref' in process.stdin && typeof process.stdin.unref === 'function') process.stdin.unref();
