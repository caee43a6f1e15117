mod crash;
mod fixture;
mod running;
mod schedules;
