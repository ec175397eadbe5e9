"""What ``lmms-bapa doctor`` looks at: each module holds checks of one kind."""
