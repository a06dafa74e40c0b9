"""Why an answer fails its check: controlled reruns, a verdict, and the smallest change that repairs it."""
