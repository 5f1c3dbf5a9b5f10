#!/usr/bin/perl
# Submit a call, follow its stream, print its result: Perl and its core modules.
#
# usage: call.pl HOST PROCEDURE [ARGUMENTS]
#
# ARGUMENTS is a JSON list or object. Exit status: 0 result, 1 any other end,
# 2 usage, 3 refused, 7 no dispatcher.
use strict;
use warnings;
use IO::Socket::INET;
use JSON::PP;

my ($host, $procedure, $text) = @ARGV;
die_with(2, 'usage: call.pl HOST PROCEDURE [ARGUMENTS]') if !defined $procedure;
my $json = JSON::PP->new->utf8->canonical->allow_nonref->allow_bignum;
my $server = $ENV{HARPCALLER_SERVER} || '127.0.0.1:3502';
$| = 1;
$SIG{PIPE} = 'IGNORE';  # a broken connection shows when it is read

# One connection for each request; the lines are read by whoever asked.
sub ask {
    my (%request) = @_;
    my $wire = IO::Socket::INET->new($server) or return;
    print {$wire} $json->encode({harpcaller => 1, %request}), "\n";
    return $wire;
}

sub die_with {
    my ($status, $message) = @_;
    print STDERR "$message\n";
    exit $status;
}

my $wire = ask(
    host => $host, procedure => $procedure, arguments => $json->decode($text // '[]'),
) or die_with(7, 'no dispatcher');
my $line = <$wire> // die_with(7, 'no answer');
my $job = $json->decode($line)->{job_id} // die_with(3, $line);

# Packets are numbered without gaps, so a broken stream goes on where it broke off.
my $since = 0;
for (my $attempt = 0; $attempt < 10; $attempt++) {
    $wire = ask(follow_stream => $job, since => $since);
    while ($wire and defined($line = <$wire>)) {
        my $reply = $json->decode($line);
        last if (($reply->{error} // {})->{type} // '') eq 'shutting_down';
        if (exists $reply->{packet}) {
            print 'packet ', $json->encode($reply->{data}), "\n";
            ($since, $attempt) = ($reply->{packet} + 1, 0);
            next;
        }
        die_with(1, $line) if !exists $reply->{result};
        print 'result ', $json->encode($reply->{result}), "\n";
        exit 0;
    }
    sleep 1;
}
die_with(7, 'no dispatcher; the job goes on');
